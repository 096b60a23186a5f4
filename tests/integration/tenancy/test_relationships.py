"""Relationships over references that contain the tenant: every way to link and unlink works, and none writes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import bookshop
import pytest
import relations
from sqlalchemy import select
from sqlalchemy.orm import aliased, configure_mappers, joinedload, selectinload, subqueryload

from tenantry import Address, Database, TenantSession

SHAPES = [(key, reference) for key in relations.KEYS for reference in relations.REFERENCES]


@pytest.fixture(params=SHAPES, ids=" ".join)
def models(request: pytest.FixtureRequest) -> SimpleNamespace:
    made = relations.make(*request.param)
    configure_mappers()
    return made


@pytest.fixture
async def database(models: SimpleNamespace, empty_database: Address) -> AsyncIterator[Database]:
    """A team with one member, who leads another employee, and a second team. SQLAlchemy warns of nothing."""
    await bookshop.build(empty_database, models.metadata)
    opened = Database(
        bookshop.settings_for(empty_database), metadata=models.metadata, roles=bookshop.ROLES, name="bookshop"
    )
    async with opened as database:
        for tenant in ("north", "south"):
            async with database.tenant(tenant) as session:
                first, second = models.Team(name="first"), models.Team(name="second")
                chief = models.Employee(team=first)
                session.add_all([first, second, chief, models.Employee(manager=chief)])
        yield database


async def team(session: TenantSession, models: SimpleNamespace, name: str = "first") -> Any:
    options = selectinload(models.Team.members), selectinload(models.Team.guests)
    return await session.scalar(select(models.Team).where(models.Team.name == name).options(*options))


async def member(session: TenantSession, models: SimpleNamespace) -> Any:
    options = [selectinload(getattr(models.Employee, name)) for name in ("team", "reports", "manager")]
    query = select(models.Employee).where(models.Employee.manager_id.is_(None)).options(*options)
    return await session.scalar(query)


async def set_none(session: TenantSession, models: SimpleNamespace) -> None:
    (await member(session, models)).team = None


async def remove(session: TenantSession, models: SimpleNamespace) -> None:
    found = await team(session, models)
    found.members.remove(found.members[0])


async def clear(session: TenantSession, models: SimpleNamespace) -> None:
    found = await team(session, models)
    found.members.clear()


async def delete_parent(session: TenantSession, models: SimpleNamespace) -> None:
    await session.delete(await team(session, models))


async def reparent(session: TenantSession, models: SimpleNamespace) -> None:
    (await member(session, models)).team = await team(session, models, "second")


async def append_to_other(session: TenantSession, models: SimpleNamespace) -> None:
    second = await team(session, models, "second")
    second.members.append(await member(session, models))


async def assign_column(session: TenantSession, models: SimpleNamespace) -> None:
    (await member(session, models)).team_id = (await team(session, models, "second")).id


async def new_row(session: TenantSession, models: SimpleNamespace) -> None:
    (await member(session, models)).team = None
    session.add(models.Employee(team=None, second_team=None, manager=await member(session, models)))


Way = Callable[[TenantSession, SimpleNamespace], Awaitable[None]]
UNLINKED: list[Way] = [set_none, remove, clear, delete_parent, new_row]
MOVED: list[Way] = [reparent, append_to_other, assign_column]


@pytest.mark.parametrize("way", [*UNLINKED, *MOVED], ids=lambda way: way.__name__)
async def test_every_way_to_link_and_unlink_works(database: Database, models: SimpleNamespace, way: Way) -> None:
    """The employee keeps its tenant, and the rows of another tenant stay as they are."""
    async with database.tenant("north") as session:
        await way(session, models)
    async with database.tenant("north") as session:
        found = (await member(session, models)).team
        assert (found.name if found else None) == (None if way in UNLINKED else "second")
    async with database.tenant("south", read_only=True) as session:
        teams = (await session.scalars(select(models.Team).options(selectinload(models.Team.members)))).all()
        assert sorted((one.name, len(one.members)) for one in teams) == [("first", 1), ("second", 0)]
    async with database.admin(reason="test") as session:
        employees = (await session.scalars(select(models.Employee))).all()
        assert {one.tenant_id for one in employees} == {"north", "south"}


async def test_a_row_may_refer_to_two_rows_of_one_table(database: Database, models: SimpleNamespace) -> None:
    """Two relationships of one row, to one table: each writes its own column."""
    async with database.tenant("north") as session:
        (await member(session, models)).second_team = await team(session, models, "second")
    async with database.tenant("north") as session:
        assert len((await team(session, models)).members) == 1
        second = await team(session, models, "second")
        assert (len(second.members), len(second.guests)) == (0, 1)
        second.guests.clear()
    async with database.tenant("north") as session:
        assert (await member(session, models)).second_team_id is None


async def test_a_row_may_refer_to_its_own_table(database: Database, models: SimpleNamespace) -> None:
    async with database.tenant("north") as session:
        chief = await member(session, models)
        assert len(chief.reports) == 1
        assert chief.manager is None
        chief.reports.remove(chief.reports[0])
    async with database.tenant("north") as session:
        first, second = (await session.scalars(select(models.Employee))).all()
        first.manager = second
    async with database.tenant("north") as session:
        query = select(models.Employee).where(models.Employee.manager_id.is_not(None))
        report: Any = await session.scalar(query.options(selectinload(models.Employee.manager)))
        boss = report.manager
        await session.refresh(boss, ["reports"])
        assert boss.reports == [report]
        await session.delete(boss)
    async with database.tenant("north") as session:
        (left,) = (await session.scalars(select(models.Employee))).all()
        assert (left.manager_id, left.tenant_id) == (None, "north")


async def test_rows_are_linked_many_to_many(database: Database, models: SimpleNamespace) -> None:
    """By a Table() as secondary: linked and unlinked from both sides, and by deleting a row."""
    async with database.tenant("north") as session:
        employee = await member(session, models)
        await session.refresh(employee, ["skills"])
        employee.skills = [models.Skill(), models.Skill()]
    load = selectinload(models.Skill.employees)
    async with database.tenant("north") as session:
        skills = (await session.scalars(select(models.Skill).options(load))).all()
        assert [len(skill.employees) for skill in skills] == [1, 1]
        skills[0].employees.clear()
    async with database.tenant("north") as session:
        employee = await member(session, models)
        await session.refresh(employee, ["skills", "memberships"])
        (skill,) = employee.skills
        await session.delete(skill)
    async with database.tenant("north") as session:
        employee = await member(session, models)
        await session.refresh(employee, ["skills"])
        assert employee.skills == []
    async with database.tenant("south", read_only=True) as session:
        assert (await session.scalars(select(models.Skill))).all() == []


async def test_an_association_object_carries_its_own_columns(database: Database, models: SimpleNamespace) -> None:
    async with database.tenant("north") as session:
        chief = await member(session, models)
        await session.refresh(chief, ["memberships"])
        chief.memberships.append(models.Membership(skill=models.Skill(), level=3))
    load = selectinload(models.Employee.memberships).joinedload(models.Membership.skill)
    async with database.tenant("north") as session:
        query = select(models.Employee).where(models.Employee.manager_id.is_(None)).options(load)
        employee: Any = await session.scalar(query)
        assert [one.level for one in employee.memberships] == [3]
        assert employee.memberships[0].skill.tenant_id == "north"
        employee.memberships.clear()
    async with database.tenant("north") as session:
        assert (await session.scalars(select(models.Membership))).all() == []


@pytest.mark.parametrize("load", [selectinload, joinedload, subqueryload], ids=lambda load: load.__name__)
async def test_every_loader_finds_the_rows_of_the_tenant(
    database: Database, models: SimpleNamespace, load: Callable[..., Any]
) -> None:
    """For an administrator, who sees all tenants, an employee belongs to the team of its own tenant."""
    async with database.admin(reason="test") as session:
        teams = (await session.scalars(select(models.Team).options(load(models.Team.members)))).unique().all()
        assert [{one.tenant_id for one in found.members} - {found.tenant_id} for found in teams] == [set()] * 4
        assert sorted(len(found.members) for found in teams) == [0, 0, 1, 1]
    async with database.tenant("north", read_only=True) as read:
        other = aliased(models.Employee)
        query = select(models.Team.name).join(models.Team.members).join(other, models.Employee.reports.of_type(other))
        assert (await read.scalars(query)).all() == ["first"]
