"""`tenantry token`: issues a bearer token for development."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry import errors
from tenantry.cli.options import common, find_services, only
from tenantry.cli.output import write, write_json

__all__ = ["token"]


@click.command()
@click.option("--tenant", metavar="TENANT", help="The tenant of the token.")
@click.option("--subject", metavar="NAME", default="developer", show_default=True, help="The subject of the token.")
@click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="A scope of the token; may be repeated.")
@click.option(
    "--minutes", type=click.IntRange(1, 24 * 60), default=60, show_default=True, help="Lifetime of the token."
)
@common
def token(
    tenant: str | None, subject: str, scopes: Sequence[str], minutes: int, names: Sequence[str], as_json: bool
) -> None:
    """Print a token that the service accepts, signed with its shared secret.

    The command is for development. It refuses a service in production that is not on the embedded server, and a service
    whose tokens an identity provider issues.
    """
    from datetime import timedelta

    from tenantry.deployment import load_deployments
    from tenantry.fastapi.tokens import TokenSettings, issue_token
    from tenantry.project import find_project

    _, services = find_services(names)
    (deployment,) = load_deployments(find_project(), [only(services).name])
    settings = deployment.settings
    if not isinstance(settings, TokenSettings):
        raise errors.ConfigurationError(
            f"The service {deployment.name} does not accept tokens.",
            why=f"{type(settings).__name__} does not inherit from TokenSettings.",
            remedy="Add TokenSettings to the bases of the settings class.",
        )
    if settings.environment == "production" and not deployment.is_embedded:
        raise errors.ConfigurationError(
            f"The environment of {deployment.name} is production, so this command issues no token for it.",
            variable=settings.variable("environment"),
            remedy=f"Get a token from the service itself, or set {settings.variable('environment')}=development.",
        )
    text = issue_token(settings, subject, tenant, scopes, lifetime=timedelta(minutes=minutes))
    if as_json:
        write_json({"service": deployment.name, "tenant": tenant, "subject": subject, "token": text})
    else:
        write(text)
