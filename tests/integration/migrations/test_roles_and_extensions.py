"""Roles belong to the cluster and extensions to whoever may: operations that must not break others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from shop_project import Project

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations import migrate, rollback


async def has_role(shop: Project, role: str) -> bool:
    return await shop.sql(f"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')") is True


@pytest.fixture
async def role(shop: Project) -> str:
    """A role that revision r1 creates and drops."""
    name: str = shop.module.REPORTER
    await shop.revision("r1", f"op.create_role({name!r}, login=True)", f"op.drop_role({name!r})")
    return name


@pytest.fixture
async def limited_shop(shop: Project) -> AsyncIterator[Project]:
    """The project with a migration login that owns the database and may create roles, but is no superuser."""
    login = f"{shop.module.REPORTER}_login"
    await shop.sql(
        f"CREATE ROLE {login} LOGIN CREATEROLE",
        f"ALTER DATABASE {shop.address.database} OWNER TO {login}",
        "SELECT 1",
    )
    yield Project(shop.folder, shop.module, shop.address.replace(user=login), shop.binaries)
    await shop.sql(f"ALTER DATABASE {shop.address.database} OWNER TO postgres", "SELECT 1")


async def test_a_role_that_a_migration_made_goes_with_it(shop: Project, role: str) -> None:
    await migrate(shop.deployment)
    assert await has_role(shop, role)
    await rollback(shop.deployment)
    assert not await has_role(shop, role)


async def test_a_role_that_was_there_before_stays_as_it_was(shop: Project, role: str) -> None:
    """It may be another database's, or an administrator's."""
    await shop.sql(f"CREATE ROLE {role} NOLOGIN CONNECTION LIMIT 3", "SELECT 1")
    await migrate(shop.deployment)
    assert await shop.sql(f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{role}' AND NOT rolcanlogin") == 3
    await rollback(shop.deployment)
    assert await has_role(shop, role)


async def test_a_role_that_something_needs_stays_and_the_log_says_why(
    shop: Project, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(shop.deployment)
    await shop.sql("CREATE TABLE other (id integer)", f"GRANT SELECT ON other TO {role}", "SELECT 1")
    await rollback(shop.deployment)
    assert await has_role(shop, role)
    assert f"role {role} stays: 1 objects of this cluster depend on it." in caplog.text
    await migrate(shop.deployment)


async def test_a_role_that_another_database_made_stays(
    shop: Project, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(shop.deployment)
    await shop.sql(f"COMMENT ON ROLE {role} IS 'Created by a migration of database other.'", "SELECT 1")
    await rollback(shop.deployment)
    assert await has_role(shop, role)
    assert "no migration of database" in caplog.text


async def test_a_login_that_is_no_superuser_migrates(limited_shop: Project, role: str) -> None:
    """It makes the owner and the role, becomes the owner, and leaves everything the owner's."""
    shop = limited_shop
    await shop.revision("r2", "op.create_table('one', sa.Column('id', sa.Integer))", "op.drop_table('one')", "r1")
    await migrate(shop.deployment)
    owner = shop.service.roles.owner
    assert await shop.sql("SELECT tableowner::text FROM pg_tables WHERE tablename = 'one'") == owner
    assert await has_role(shop, role)
    await migrate(shop.deployment)
    await rollback(shop.deployment, "base")
    assert not await has_role(shop, role)


async def test_what_the_login_may_not_do_comes_as_sql_for_an_administrator(limited_shop: Project) -> None:
    """A role with BYPASSRLS needs a superuser, or from PostgreSQL 16 on a login that has it itself."""
    shop = limited_shop
    role = shop.module.REPORTER
    await shop.revision("r1", f"op.create_role({role!r}, bypass_rls=True)")
    with pytest.raises(errors.MigrationError) as failure:
        await migrate(shop.deployment)
    assert (
        f"The role {role!r} must be created, but the login {shop.address.user!r} may not do that." in failure.value.what
    )
    assert (
        f'database: CREATE ROLE "{role}" NOLOGIN NOCREATEDB NOCREATEROLE BYPASSRLS; COMMENT ON' in failure.value.remedy
    )


async def test_an_extension_without_files_is_named_with_its_package(shop: Project) -> None:
    await shop.revision("r1", "op.create_extension('timescaledb')")
    with pytest.raises(errors.ExtensionMissing, match=r"postgresql-\d+-timescaledb"):
        await migrate(shop.deployment)


async def test_an_extension_comes_and_goes(shop: Project) -> None:
    """The owner may not create one that is not trusted; the login does."""
    (name,) = shop.service.extensions
    await shop.revision("r1", f"op.create_extension({name!r})", f"op.drop_extension({name!r})")
    count = f"SELECT count(*) FROM pg_extension WHERE extname = '{name}'"
    await migrate(shop.deployment)
    assert await shop.sql(count) == 1
    await rollback(shop.deployment)
    assert await shop.sql(count) == 0


async def test_an_extension_of_an_administrator_stays(limited_shop: Project, shop: Project) -> None:
    """A downgrade may not drop it, and does not fail for it."""
    (name,) = shop.service.extensions
    await shop.sql(f"CREATE EXTENSION {name}", "SELECT 1")
    await shop.revision("r1", f"op.create_extension({name!r})", f"op.drop_extension({name!r})")
    await migrate(Deployment(limited_shop.service, limited_shop.settings))
    await rollback(Deployment(limited_shop.service, limited_shop.settings))
    assert await shop.sql(f"SELECT count(*) FROM pg_extension WHERE extname = '{name}'") == 1


async def test_a_password_in_the_address_is_in_no_error(shop: Project) -> None:
    address = shop.address.replace(password=SecretStr("hunter2"), database="no_such_database")
    with pytest.raises(errors.DatabaseUnavailable) as failure:
        await migrate(Deployment(shop.service, shop.module.Settings(database_url=address.url)))
    assert "hunter2" not in str(failure.value)
