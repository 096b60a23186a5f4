"""The scratch database of a proof: as like the original as can be, reached by nobody else, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from plain import connected

from ai_agents.service import service
from tenantry import Address, errors
from tenantry.deployment import Deployment
from tenantry.project import Project
from tenantry.proof.isolation.prove import read_facts
from tenantry.proof.scratch import clone as cloning
from tenantry.proof.scratch import schema_copy
from tenantry.proof.scratch.clone import open_clone
from tenantry.proof.scratch.reservation import LOCK, PREFIX, name_scratch
from tenantry.testing.cluster import Cluster
from tenantry.testing.scratch import ScratchDatabase

if TYPE_CHECKING:
    from tests.conftest import Administrator

ROOT = Path(__file__).parents[4]
DEADLINE = 60.0
EXISTS = "SELECT FROM pg_database WHERE datname = $1"
# A constraint that is dumped and read again may put its casts elsewhere.
OBJECTS = """
    SELECT 'relation', c.relname::text, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity, c.relowner,
           c.relacl::text
    FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'policy', polname || polrelid::regclass::text, pg_get_expr(polqual, polrelid), polpermissive, true,
                     0, pg_get_expr(polwithcheck, polrelid) FROM pg_policy
    UNION ALL SELECT 'function', proname::text, prosrc, prosecdef, proleakproof, proowner, proacl::text
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'schema', nspname::text, '', true, true, nspowner, nspacl::text FROM pg_namespace
    WHERE nspname = 'public'
    ORDER BY 1, 2
"""


@pytest.fixture
def original(tenantry_cluster: Cluster) -> Iterator[ScratchDatabase]:
    """A migrated database of the service, in the place of the one that customers use."""
    template = tenantry_cluster.template(service, {})
    with tenantry_cluster.scratch(service, {}, template) as database:
        yield database


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(root=tmp_path)


@asynccontextmanager
async def opened(original: ScratchDatabase, project: Project, **options: Any) -> AsyncIterator[cloning.Clone]:
    """Open a clone, and see that it is gone afterwards whatever happened inside."""
    name = ""
    try:
        async with open_clone(Deployment(service, original.settings), project, **options) as clone:
            name = clone.name
            async with connected(original.superuser) as superuser:
                assert await superuser.fetchrow(EXISTS, name) is not None
            yield clone
    finally:
        assert name
        async with connected(original.superuser) as superuser:
            assert await superuser.fetchrow(EXISTS, name) is None


async def _objects(address: Address) -> list[tuple[Any, ...]]:
    async with connected(address) as superuser:
        return [tuple(row) for row in await superuser.fetch(OBJECTS)]


async def test_a_database_that_nobody_uses_is_copied_whole(original: ScratchDatabase, project: Project) -> None:
    async with opened(original, project) as clone:
        assert clone.origin == "template"
        assert await _objects(original.superuser.replace(database=clone.name)) == await _objects(original.superuser)


async def test_of_a_database_in_use_the_schema_is_copied(original: ScratchDatabase, project: Project) -> None:
    """With every grant, owner, policy and flag, and without a row."""
    async with connected(original.superuser) as superuser:
        await superuser.execute("CREATE TABLE customers AS SELECT 'a customer' AS name")
        async with opened(original, project) as clone:
            assert clone.origin == "schema"
            there = original.superuser.replace(database=clone.name)
            assert await _objects(there) == await _objects(original.superuser)
            async with connected(there) as look:
                assert await look.fetchval("SELECT count(*) FROM customers") == 0


async def test_a_large_database_is_not_copied_whole(
    original: ScratchDatabase, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could log in to it meanwhile."""
    monkeypatch.setattr(cloning, "LARGEST_TEMPLATE", 0)
    async with opened(original, project) as clone:
        assert clone.origin == "schema"


async def test_the_migrations_make_the_same(original: ScratchDatabase, project: Project) -> None:
    """So the reports of both carry one fingerprint."""
    async with opened(original, project, from_migrations=True) as clone:
        assert clone.origin == "migrations"
        migrated = await read_facts(service, clone)
    async with opened(original, project) as clone:
        copied = await read_facts(service, clone)
    assert migrated.fingerprint == copied.fingerprint
    async with connected(original.superuser) as superuser:
        await superuser.execute("ALTER TABLE tenant_configs NO FORCE ROW LEVEL SECURITY")
    async with opened(original, project) as clone:
        assert (await read_facts(service, clone)).fingerprint != copied.fingerprint


@pytest.mark.parametrize("in_use", [False, True])
async def test_what_is_set_for_the_database_is_set_for_the_clone(
    original: ScratchDatabase, project: Project, *, in_use: bool
) -> None:
    """A tenant that is preset, or a right to make schemas, would be missed otherwise."""
    name = f'"{original.name}"'
    async with connected(original.superuser.replace(database="postgres")) as superuser:
        await superuser.execute(f"ALTER DATABASE {name} SET app.current_tenant_id TO 'it''s preset'")
        await superuser.execute(f'ALTER ROLE app_user IN DATABASE {name} SET search_path TO "$user", public')
        await superuser.execute(f"GRANT CREATE ON DATABASE {name} TO app_user")
        await superuser.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    somewhere = original.superuser if in_use else original.superuser.replace(database="postgres")
    async with connected(somewhere), opened(original, project) as clone:
        assert clone.origin == ("schema" if in_use else "template")
        async with connected(await _address(clone.deployment.settings)) as application:
            assert await application.fetchval("SHOW app.current_tenant_id") == "it's preset"
            assert await application.fetchval("SHOW search_path") == '"$user", public'
            rights = "has_database_privilege(current_database(), '{}')"
            assert await application.fetchval(f"SELECT {rights.format('CREATE')}") is True
            assert await application.fetchval(f"SELECT {rights.format('TEMPORARY')}") is False


async def _address(settings: Any) -> Address:
    source = settings.source("application")
    assert source is not None
    address: Address = await source.current()
    return address


async def test_every_address_of_the_settings_leads_to_the_clone(original: ScratchDatabase, project: Project) -> None:
    """The logins are the service's own; and no other field says where the database is."""
    async with opened(original, project) as clone:
        for purpose in ("application", "migration", "admin"):
            there = await clone.deployment.settings.source(purpose).current()  # type: ignore[union-attr]
            here = await original.settings.source(purpose).current()  # type: ignore[union-attr]
            assert (there.database, there.user) == (clone.name, here.user)
        fields = ("db_name", "database_secret", "database_url_file")
        assert [getattr(clone.deployment.settings, field) for field in fields] == [None] * 3
        assert clone.deployment.settings.encryption_keys == original.settings.encryption_keys
    assert (await _address(original.settings)).database == original.name


async def test_a_login_that_leads_elsewhere_is_not_attacked(
    original: ScratchDatabase, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a pooler does that knows one database only."""
    kept = cloning._scratch_address
    elsewhere = lambda address, name: address if address.user == "app_user" else kept(address, name)  # noqa: E731
    monkeypatch.setattr(cloning, "_scratch_address", elsewhere)
    with pytest.raises(errors.ConfigurationError) as refused:
        async with open_clone(Deployment(service, original.settings), project):
            raise AssertionError("handed out")
    assert "Nothing was attacked" in refused.value.what
    assert await _left(original) == []


async def _left(original: ScratchDatabase) -> list[str]:
    """Return what proofs of this service left behind, those under way elsewhere apart."""
    query = """
        SELECT datname::text FROM pg_database WHERE datname LIKE $1 AND right(datname, 8) NOT IN
            (SELECT lpad(to_hex(objid::bigint), 8, '0') FROM pg_locks WHERE locktype = 'advisory' AND classid = $2)
        UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE $1 AND right(rolname, 8) NOT IN
            (SELECT lpad(to_hex(objid::bigint), 8, '0') FROM pg_locks WHERE locktype = 'advisory' AND classid = $2)
    """
    async with connected(original.superuser) as superuser:
        return [row[0] for row in await superuser.fetch(query, f"{PREFIX}%", LOCK)]


async def test_a_login_that_may_not_make_databases_is_told_so(
    original: ScratchDatabase, project: Project, administrator: Administrator
) -> None:
    name = f"stranger_{uuid.uuid4().hex[:8]}"
    administrator.execute(f"CREATE ROLE {name} LOGIN")
    try:
        url = original.superuser.replace(user=name).url.get_secret_value()
        with pytest.raises(errors.ConfigurationError) as refused:
            async with open_clone(Deployment(service, original.settings), project, database_url=url):
                raise AssertionError("handed out")
        assert f'ALTER ROLE "{name}" CREATEDB' in refused.value.remedy
    finally:
        administrator.execute(f"DROP ROLE {name}")


async def test_a_login_that_is_no_superuser_can_prove(
    original: ScratchDatabase, project: Project, administrator: Administrator
) -> None:
    """With CREATEDB and membership in the three roles, as a service's migration login on a managed server has."""
    name = f"deployer_{uuid.uuid4().hex[:8]}"
    administrator.execute(f"CREATE ROLE {name} LOGIN CREATEDB")
    try:
        administrator.execute(f"GRANT {service.roles.owner} TO {name}")
        settings = original.settings.model_copy(
            update={"migration_database_url": original.superuser.replace(user=name).url}
        )
        async with connected(original.superuser), open_clone(Deployment(service, settings), project) as clone:
            assert clone.origin == "schema"
            there = original.superuser.replace(database=clone.name)
            kinds = {"relation", "policy", "function"}
            ours = [one for one in await _objects(there) if one[0] in kinds]
            assert ours == [one for one in await _objects(original.superuser) if one[0] in kinds]
    finally:
        assert await _left(original) == []
        administrator.execute(f"DROP OWNED BY {name}")
        administrator.execute(f"DROP ROLE {name}")


async def test_an_administrators_url_attacks_through_a_login_of_its_own(
    original: ScratchDatabase, project: Project
) -> None:
    """It can be what the application is, and nothing else; it is gone with the database."""
    url = original.superuser.url.get_secret_value()
    async with opened(original, project, database_url=url) as clone:
        endpoint = Deployment(service, clone.deployment.settings).endpoint("application")
        address = await endpoint.source.current()
        assert address.user.startswith(PREFIX)
        async with connected(address) as login:
            await login.execute(f"SET ROLE {endpoint.role}")
            for other in (service.roles.admin, service.roles.owner, original.superuser.user):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await login.execute(f"SET ROLE {other}")
            await login.execute("RESET ROLE")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.fetch("SELECT * FROM tenant_configs")
    assert await _left(original) == []


async def test_a_server_without_a_fitting_pg_dump_is_a_sentence(
    original: ScratchDatabase, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_copy, "_programs", lambda _project: iter([(9, Path("pg_dump"))]))
    async with connected(original.superuser):
        with pytest.raises(errors.BinariesMissing) as missing:
            async with open_clone(Deployment(service, original.settings), project):
                raise AssertionError("handed out")
    assert "--from-migrations" in missing.value.remedy
    assert await _left(original) == []


async def test_a_database_that_is_not_there_is_a_sentence(original: ScratchDatabase, project: Project) -> None:
    url = original.superuser.replace(database="nowhere").url.get_secret_value()
    with pytest.raises(errors.ConfigurationError, match="database nowhere does not exist"):
        async with open_clone(Deployment(service, original.settings), project, database_url=url):
            raise AssertionError("handed out")
    assert await _left(original) == []


async def test_what_a_killed_proof_left_is_dropped_and_what_is_in_use_is_not(
    original: ScratchDatabase, project: Project
) -> None:
    number = uuid.uuid4().int % 2**31
    dead, alive = name_scratch("some service", number ^ 1), name_scratch("another service", number)
    async with connected(original.superuser.replace(database="postgres")) as keeper:
        await keeper.execute("SELECT pg_advisory_lock($1, $2)", LOCK, number)
        for name in (dead, alive):
            await keeper.execute(f"CREATE DATABASE {name}")
        try:
            async with opened(original, project):
                assert await keeper.fetchrow(EXISTS, dead) is None
                assert await keeper.fetchrow(EXISTS, alive) is not None
        finally:
            await keeper.execute(f"DROP DATABASE {alive}")


async def test_an_error_leaves_nothing(original: ScratchDatabase, project: Project) -> None:
    with pytest.raises(ZeroDivisionError):
        async with opened(original, project) as clone:
            # A connection that somebody forgot does not keep the database.
            forgotten = await asyncpg.connect(
                dsn=str((await _address(clone.deployment.settings)).url.get_secret_value())
            )
            raise ZeroDivisionError
    forgotten.terminate()


def test_names_fit_and_are_told_apart() -> None:
    longest = name_scratch("x" * 100, 2**31 - 1)
    assert len(longest) == 63
    assert longest.endswith("_7fffffff")
    assert name_scratch("Ein Dienst", 1) == f"{PREFIX}ein_dienst_00000001"


PROGRAM = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from pydantic import SecretStr
    from ai_agents.service import service
    from servicedesk import settings_for
    from tenantry import Address
    from tenantry.cli.interruption import run_to_end
    from tenantry.deployment import Deployment
    from tenantry.proof.isolation.prove import prove_isolation
    from tenantry.project import Project

    async def attack(deployment, on_progress):
        print((await deployment.address()).database, flush=True)
        await asyncio.sleep(600)

    settings = settings_for(Address.parse(sys.argv[1]))
    try:
        run_to_end(prove_isolation(Deployment(service, settings), Project(Path(sys.argv[2])), attack=attack))
    except KeyboardInterrupt:
        sys.exit(130)
""")


@pytest.fixture
def proving(original: ScratchDatabase, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process in the middle of a proof, and the name of its database."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("services", "tests/support"))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, original.superuser.url.get_secret_value(), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_leaves_nothing(
    original: ScratchDatabase, proving: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, name = proving
    async with connected(original.superuser) as superuser:
        assert await superuser.fetchrow(EXISTS, name) is not None
        process.send_signal(number)
        assert process.wait(DEADLINE) == 130
        assert await superuser.fetchrow(EXISTS, name) is None


async def test_what_kill_leaves_the_next_proof_drops(
    original: ScratchDatabase, proving: tuple[subprocess.Popen[str], str], project: Project
) -> None:
    process, name = proving
    async with connected(original.superuser) as superuser:
        async with opened(original, project):
            assert await superuser.fetchrow(EXISTS, name) is not None
        process.kill()
        process.wait(DEADLINE)
        # The server needs a moment to see that nobody is there any more.
        while await superuser.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 "
            "AND lpad(to_hex(objid::bigint), 8, '0') = right($2, 8)",
            LOCK,
            name,
        ):
            pass
        async with opened(original, project):
            assert await superuser.fetchrow(EXISTS, name) is None
