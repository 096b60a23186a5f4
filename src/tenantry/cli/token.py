"""`tenantry token`: a bearer token for trying a service."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry import errors
from tenantry.cli.options import common, find_services, only
from tenantry.cli.output import write, write_json

__all__ = ["token"]


@click.command()
@click.option("--tenant", metavar="TENANT", help="The tenant that the token is for.")
@click.option("--subject", metavar="NAME", default="developer", show_default=True, help="Who speaks.")
@click.option("--scope", "scopes", metavar="SCOPE", multiple=True, help="A scope; may be given several times.")
@click.option("--minutes", type=click.IntRange(1, 24 * 60), default=60, show_default=True, help="How long it is valid.")
@common
def token(
    tenant: str | None, subject: str, scopes: Sequence[str], minutes: int, names: Sequence[str], as_json: bool
) -> None:
    """Write a token that the service accepts, signed with its shared secret.

    For development: it is refused where the service's settings say production, and where an identity provider issues
    the tokens.
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
            f"The service {deployment.name} does not take tokens.",
            why=f"{type(settings).__name__} does not inherit TokenSettings.",
            remedy="Add TokenSettings to the bases of the settings class.",
        )
    if settings.environment == "production" and not deployment.is_embedded:
        raise errors.ConfigurationError(
            f"No token is issued for {deployment.name}, because it runs in production.",
            variable=settings.variable("environment"),
            remedy=f"Get a token from the service itself, or set {settings.variable('environment')}=development.",
        )
    text = issue_token(settings, subject, tenant, scopes, lifetime=timedelta(minutes=minutes))
    if as_json:
        write_json({"service": deployment.name, "tenant": tenant, "subject": subject, "token": text})
    else:
        write(text)
