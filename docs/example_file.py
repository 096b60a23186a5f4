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
    "database_url": "postgresql://{application}:development@127.0.0.1:{port}/{database}",
    "migration_database_url": "postgresql://{superuser}:development@127.0.0.1:{port}/{database}",
    "admin_database_url": "postgresql://{admin}:development@127.0.0.1:{port}/{database}",
    "database_url_file": "/run/secrets/{service}-database",
    "database_secret": "production/{service}/database",
    "aws_region": "eu-central-1",
    "db_host": "127.0.0.1",
    "db_port": "{port}",
    "db_name": "{database}",
    "db_user": "{application}",
    "db_password": "development",
    "database_sslmode": "verify-full",
    "database_sslrootcert": "/etc/ssl/certs/ca-certificates.crt",
    "database_echo": "true",
    "encryption_keys": "k1:the output of `openssl rand -base64 32`",
    "encryption_key_file": "/run/secrets/{service}-keys",
    "context_keys": "c1:the output of `openssl rand -base64 32`",
    "context_key_file": "/run/secrets/{service}-context-keys",
    "redis_url": "redis://127.0.0.1:6379/0",
}

# The servers of compose.yaml: the port on this machine, and the superuser.
SERVERS = {
    "ai_agents": ("5433", "aiagents"),
    "plc_coach": ("5434", "postgres"),
    "accounts": ("5435", "postgres"),
    "items": ("5436", "postgres"),
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
    # A port goes with the host beside it, which is not the default's.
    if one.default is not None and one.field != "db_port":
        return one.default
    port, superuser = SERVERS[service.name]
    words = {
        "port": port,
        "superuser": superuser,
        "service": service.path.strip("/"),
        "database": service.database,
        "application": service.roles.application,
        "admin": service.roles.admin,
    }
    return EXAMPLES[one.field].format(**words)
