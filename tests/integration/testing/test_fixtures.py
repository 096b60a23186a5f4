"""The fixtures in this suite itself, which is a project with services like any other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tenantry import Database, Service
from tenantry.deployment import Deployment
from tenantry.migrations import current_revision, head_revision, migrate
from tenantry.postgres.connect import connect
from tenantry.postgres.endpoint import Purpose
from tenantry.postgres.roles import read_role
from tenantry.secrets import StaticSource
from tenantry.testing.administrator import Administrator
from tenantry.testing.cluster import Cluster
from tenantry.testing.leftovers import remove_leftovers
from tenantry.testing.names import RUNS, name_database, name_login
from tenantry.testing.pytest_run import RUN, Run
from tenantry.testing.scratch import ScratchDatabase

pytestmark = pytest.mark.tenantry(service="ai_agents")

EXISTS = "SELECT FROM pg_database WHERE datname = $1"
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


async def ask(scratch: ScratchDatabase, query: str) -> object:
    connection = await connect(StaticSource(scratch.superuser), deadline=10, application_name="test")
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_the_code_under_test_is_the_application(tenantry_database: Database, tenantry_service: Service) -> None:
    """Neither in the role in force nor behind it is there anybody whom row security does not hold."""
    async with tenantry_database.engine.connect() as connection:
        facts = await connection.run_sync(read_role)
    assert facts.name == tenantry_service.roles.application
    assert not facts.login_superuser
    assert not facts.can_bypass


async def test_a_clone_is_at_the_newest_revision(tenantry_clone: ScratchDatabase, tenantry_service: Service) -> None:
    assert await current_revision(Deployment(tenantry_service, tenantry_clone.settings)) == head_revision(
        tenantry_service
    )


async def test_an_empty_database_can_be_migrated(tenantry_empty: ScratchDatabase, tenantry_service: Service) -> None:
    assert await ask(tenantry_empty, TABLES) == 0
    await migrate(Deployment(tenantry_service, tenantry_empty.settings))
    assert await current_revision(Deployment(tenantry_service, tenantry_empty.settings)) == head_revision(
        tenantry_service
    )


async def test_settings_lead_to_the_clone(tenantry_clone: ScratchDatabase) -> None:
    """For all three purposes; the owner cannot log in, so migrations come as the superuser."""
    wanted: dict[Purpose, str] = {"application": "app_user", "migration": "postgres", "admin": "admin"}
    for purpose, user in wanted.items():
        source = tenantry_clone.settings.source(purpose)
        assert source is not None
        address = await source.current()
        assert (address.database, address.user) == (tenantry_clone.name, user)
        assert address == tenantry_clone.address(purpose)


def test_nobody_connects_to_the_template(tenantry_template: str, tenantry_administrator: Administrator) -> None:
    """A single session in it would make every copy wait."""
    query = "SELECT datallowconn FROM pg_database WHERE datname = $1"
    assert tenantry_administrator.fetch(query, tenantry_template) == [(False,)]


def test_a_template_is_made_once(
    tenantry_cluster: Cluster, tenantry_service: Service, tenantry_administrator: Administrator, tenantry_template: str
) -> None:
    query = "SELECT oid FROM pg_database WHERE datname = $1"
    before = tenantry_administrator.fetch(query, tenantry_template)
    tenantry_cluster._templates.clear()
    assert tenantry_cluster.template(tenantry_service, {}) == tenantry_template
    assert tenantry_administrator.fetch(query, tenantry_template) == before


def test_a_draft_of_a_crashed_worker_does_not_stand_in_the_way(
    tenantry_administrator: Administrator, tenantry_service: Service, tenantry_cluster: Cluster
) -> None:
    """A database that was not finished never has the name by which it is found."""
    run = Run.begin()
    cluster = Cluster(tenantry_administrator, run, is_ours=True)
    name = cluster.template(tenantry_service, {})
    tenantry_administrator.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_draft"')
    cluster._templates.clear()
    assert cluster.template(tenantry_service, {}) == name
    with cluster.scratch(tenantry_service, {}, name) as scratch:
        assert asyncio.run(ask(scratch, TABLES))
    tenantry_administrator.execute(f'DROP DATABASE "{name}"')


async def test_a_database_goes_while_somebody_is_in_it(
    tenantry_cluster: Cluster, tenantry_service: Service, tenantry_administrator: Administrator
) -> None:
    with tenantry_cluster.scratch(tenantry_service, {}) as scratch:
        connection = await connect(StaticSource(scratch.address()), deadline=10, application_name="left open")
    assert not tenantry_administrator.fetch(EXISTS, scratch.name)
    connection.terminate()


def test_the_administrator_connects_again(tenantry_administrator: Administrator) -> None:
    (pid,) = tenantry_administrator.fetch("SELECT pg_backend_pid()")[0]
    with Administrator(tenantry_administrator.address) as other:
        other.fetch("SELECT pg_terminate_backend($1, 5000)", pid)
        mark = (RUNS, 4242)
        with Administrator(tenantry_administrator.address, mark) as marked:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2"
            marked.execute("SELECT")
            assert other.fetch(query, *mark) == [(1,)]
    assert tenantry_administrator.fetch("SELECT 1") == [(1,)]


async def test_the_administrator_works_beside_a_running_loop(tenantry_administrator: Administrator) -> None:
    assert tenantry_administrator.fetch("SELECT $1::int + 1", 1) == [(2,)]


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(
    tenantry_administrator: Administrator, pytestconfig: pytest.Config
) -> None:
    """A run is alive while one of its processes holds its lock."""
    dead, living, ending = (Run.begin().number for _ in range(3))
    names = {number: name_database(number) for number in (dead, living, ending)}
    login = name_login(dead, "app_user")
    tenantry_administrator.execute(f"CREATE ROLE {login}")
    for name in names.values():
        tenantry_administrator.execute(f"CREATE DATABASE {name}")
    with Administrator(tenantry_administrator.address, (RUNS, living)) as process:
        process.execute("SELECT")
        remove_leftovers(tenantry_administrator.address, ending)
        left = {number for number, name in names.items() if tenantry_administrator.fetch(EXISTS, name)}
        assert left == {living}
    assert not tenantry_administrator.fetch("SELECT FROM pg_roles WHERE rolname = $1", login)
    tenantry_administrator.execute(f"DROP DATABASE {names[living]}")
    assert pytestconfig.stash[RUN].folder.is_dir()


def test_the_server_keeps_its_data_in_the_folder_of_the_run(
    tenantry_cluster: Cluster, pytestconfig: pytest.Config, tenantry_clone: ScratchDatabase
) -> None:
    assert Path(pytestconfig.stash[RUN].folder, "postgres").is_dir()
