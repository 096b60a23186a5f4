from __future__ import annotations

import pytest
from pydantic import SecretStr

from tenantry import Address, Service, errors
from tenantry.commands.psql import open_shell
from tenantry.deployment import Deployment
from tenantry.project import Project

URL = "postgresql://login:a-password@db.example:6000/shop"


async def test_the_password_is_in_the_environment_alone(
    shop_service: Service, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    settings = shop_service.settings(database_url=SecretStr(URL))
    shell = await open_shell(Deployment(shop_service, settings), project)
    assert shell.environment["PGPASSWORD"] == "a-password"
    assert "a-password" not in repr(shell)
    assert "a-password" not in shell.address
    assert "PGSERVICE" not in shell.environment
    assert Address.parse(URL).hosts[0].name == shell.environment["PGHOST"]


@pytest.mark.parametrize(
    ("role", "name"), [("app", "bookshop_app"), ("owner", "bookshop_owner"), ("admin", "bookshop_admin")]
)
async def test_a_role_that_is_not_the_login_is_taken_on(
    shop_service: Service, project: Project, role: str, name: str
) -> None:
    settings = shop_service.settings(database_url=SecretStr(URL))
    shell = await open_shell(Deployment(shop_service, settings), project, role=role)  # type: ignore[arg-type]
    assert shell.role == name
    assert shell.environment["PGOPTIONS"] == f"-c role={name}"


async def test_a_tenant_is_quoted_as_the_server_splits_options(shop_service: Service, project: Project) -> None:
    """Spaces end an option unless a backslash stands before them; a tenant must not bring an option of its own."""
    settings = shop_service.settings(database_url=SecretStr(URL.replace("login", "bookshop_app")))
    shell = await open_shell(Deployment(shop_service, settings), project, tenant="a -c role=postgres \\ b")
    assert shell.environment["PGOPTIONS"] == r"-c app.current_tenant_id=a\ -c\ role=postgres\ \\\ b"


async def test_what_cannot_be_a_tenant_is_refused(shop_service: Service, project: Project) -> None:
    settings = shop_service.settings(database_url=SecretStr(URL))
    with pytest.raises(errors.TenantInvalid):
        await open_shell(Deployment(shop_service, settings), project, tenant="x" * 101)
