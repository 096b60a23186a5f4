"""`.env.example`: every variable of every service, none of them set."""  # noqa: INP001  (a script beside the pages it writes)

from __future__ import annotations

from markup import SERVICES

from tenantry.service import Service
from tenantry.settings import Variable, list_variables

__all__ = ["example_file"]

# What a variable without a default may look like; `{}` is filled in from the service. None is a secret of anybody.
EXAMPLES = {
    "jwt_secret": "the output of `openssl rand -hex 32`",
    "jwt_jwks_url": "https://login.example.com/.well-known/jwks.json",
    "jwt_issuer": "https://login.example.com/",
    "jwt_audience": "{service}",
    "database_url": "postgresql://{application}:development@127.0.0.1:5433/{database}",
    "migration_database_url": "postgresql://aiagents:development@127.0.0.1:5433/{database}",
    "admin_database_url": "postgresql://{admin}:development@127.0.0.1:5433/{database}",
    "database_url_file": "/run/secrets/{service}-database",
    "database_secret": "production/{service}/database",
    "aws_region": "eu-central-1",
    "db_host": "127.0.0.1",
    "db_name": "{database}",
    "db_user": "{application}",
    "db_password": "development",
    "database_sslmode": "verify-full",
    "database_sslrootcert": "/etc/ssl/certs/ca-certificates.crt",
    "database_echo": "true",
    "encryption_keys": "k1:the output of `openssl rand -base64 32`",
    "encryption_key_file": "/run/secrets/{service}-keys",
    "redis_url": "redis://127.0.0.1:6379/0",
}

EXAMPLE_HEAD = """\
# What the services read from the environment, or from a file .env beside this one. Nothing here has to be set for
# `make up`, which brings a PostgreSQL and makes secrets of its own. docs/reference/settings.md tells more.
# The addresses are those of compose.yaml.
"""


def example_file() -> str:
    """Return .env.example: every variable with what it says, none of them set."""
    parts = [EXAMPLE_HEAD]
    for service in SERVICES:
        parts.append(f"# The variables of {service.title}.\n")
        for one in list_variables(service.settings):
            value = _example(one, service)
            parts.append(f"# {one.description}\n#{one.name}={value}\n")
    return "\n".join(parts)


def _example(one: Variable, service: Service) -> str:
    if one.default is not None:
        return one.default
    words = {
        "service": service.path.strip("/"),
        "database": service.database,
        "application": service.roles.application,
        "admin": service.roles.admin,
    }
    return EXAMPLES[one.field].format(**words)
