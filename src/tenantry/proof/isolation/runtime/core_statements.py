"""Attacks through Core, textual SQL and the driver, in a unit of work of the attacker."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, delete, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from tenantry import sql
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.isolation.runtime.mapped import REFUSED, MappedTable, own_row
from tenantry.proof.isolation.runtime.registration import mapped_attack
from tenantry.proof.isolation.runtime.toolkit import BROKEN, AttackedToolkit, Leak, driver_of, written
from tenantry.proof.isolation.verdict import Verdict, blocked
from tenantry.tenancy.scope import parse_tenant
from tenantry.tenancy.unit_of_work import TenantSession

__all__: list[str] = []


def _judge(toolkit: AttackedToolkit, mapped: MappedTable, owners: set[str], where: str) -> None:
    if owners - {toolkit.attacker}:
        raise Leak(f"{where} gave rows of {', '.join(sorted(owners - {toolkit.attacker}))}")
    if not owners and mapped.target.rows.get(toolkit.attacker):
        raise Leak(f"{where} hid the attacker's own rows")


@mapped_attack("select with Core, through the session and through its connection")
async def core_select(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Select the table, an alias, a subquery, a CTE and a union, typed, and without a WHERE."""
    table, tenant = mapped.table, mapped.tenant
    other, inner, common = table.alias("other"), select(table).subquery(), select(table).cte()
    forms: dict[str, Executable] = {
        "a select": select(tenant),
        "a select of an alias": select(other.c[tenant.name]),
        "a select from a subquery": select(inner.c[tenant.name]),
        "a select from a CTE": select(common.c[tenant.name]),
        "a union": select(tenant).union_all(select(other.c[tenant.name])),
        "a join": select(other.c[tenant.name]).select_from(table.join(other, tenant == other.c[tenant.name])),
    }
    async with toolkit.database.tenant(toolkit.attacker) as session:
        connection = await session.connection()
        for what, statement in forms.items():
            for send in (session.execute, connection.execute):
                rows = (await send(statement)).all()
                _judge(toolkit, mapped, {str(row[0]) for row in rows}, f"{what} with Core")
            streamed = await connection.stream(statement)
            _judge(toolkit, mapped, {str(row[0]) async for row in streamed}, f"{what} with Core, streamed")
    return blocked()


@mapped_attack("select in textual SQL, and over the driver's own connection")
async def core_text(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Send text, which the toolkit does not rewrite. Row security must restrict it to the bound tenant."""
    table, column = sql.qualified(mapped.target.schema, mapped.target.name), sql.identifier(mapped.target.tenant_column)
    query = f"SELECT {column}::text FROM {table}"  # noqa: S608  # quoted
    async with toolkit.database.tenant(toolkit.attacker) as session:
        connection = await session.connection()
        driver = await driver_of(connection)
        answers: dict[str, list[Any]] = {
            "text()": list((await session.execute(text(query.replace("::text", "")))).all()),
            "from_statement()": [(owner,) for owner in await _load_from_statement(session, mapped)],
            "exec_driver_sql()": list((await connection.exec_driver_sql(query)).all()),
            "the driver's fetch()": await driver.fetch(query),
            "the driver's prepare()": await (await driver.prepare(query)).fetch(),
            "the driver's cursor()": [record async for record in driver.cursor(query)],
        }
        for what, rows in answers.items():
            _judge(toolkit, mapped, {str(row[0]) for row in rows}, what)
        table_rows = await driver.fetch(f"TABLE {table}")
        _judge(toolkit, mapped, {str(row[mapped.target.tenant_column]) for row in table_rows}, "TABLE")
    return blocked()


async def _load_from_statement(session: TenantSession, mapped: MappedTable) -> list[str]:
    """Load entities from a statement to which the ORM adds no predicate."""
    statement = select(mapped.model).from_statement(select(mapped.table))
    return [mapped.tenant_of(entity) for entity in (await session.scalars(statement)).unique()]


@mapped_attack("update and delete with Core, without a WHERE and by the victim's name")
async def core_write(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Update and delete all rows, typed and as text. Only its own rows may be affected; all is rolled back."""
    table, tenant, victim = mapped.table, mapped.tenant, parse_tenant(toolkit.victim, mapped.tenant.type)
    name, column = sql.qualified(mapped.target.schema, mapped.target.name), sql.identifier(tenant.name)
    harmless = mapped.harmless_column
    plain = sql.identifier(harmless.name)
    statements: dict[str, tuple[str, Any]] = {
        "an update": ("UPDATE", update(table).values({harmless: harmless}).returning(tenant)),
        "an update of the victim's": (
            "UPDATE",
            update(table).where(tenant == victim).values({harmless: harmless}).returning(tenant),
        ),
        "an update as text": ("UPDATE", text(f"UPDATE {name} SET {plain} = {plain} RETURNING {column}")),  # noqa: S608
        "a delete of the victim's": ("DELETE", delete(table).where(tenant == victim).returning(tenant)),
        "a delete": ("DELETE", delete(table).returning(tenant)),
        "a delete as text": ("DELETE", text(f"DELETE FROM {name} RETURNING {column}")),  # noqa: S608
    }
    for what, (privilege, statement) in statements.items():
        async with toolkit.database.tenant(toolkit.attacker) as session:
            before = await written(session)
            try:
                owners = {str(owner) for owner in await session.scalars(statement)}
            except SQLAlchemyError as error:
                # A reference may keep a row from being deleted, and a missing privilege is refused.
                if sqlstate_of(error) in BROKEN or (sqlstate_of(error) == "42501" and mapped.may(privilege)):
                    raise
                await session.rollback()
                continue
            count = await written(session) - before
            await session.rollback()
        if owners - {toolkit.attacker}:
            raise Leak(f"{what} changed rows of {', '.join(sorted(owners - {toolkit.attacker}))}")
        if count and not owners:
            raise Leak(f"{what} wrote {count} rows and returned no row")
    return blocked()


@mapped_attack("insert rows for the victim, and move its own rows to the victim, with Core and as text")
async def core_insert_for_victim(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Insert with VALUES and from a SELECT, and update the tenant column. The policy must refuse each."""
    table, tenant, victim = mapped.table, mapped.tenant, parse_tenant(toolkit.victim, mapped.tenant.type)
    async with toolkit.database.tenant(toolkit.attacker) as session:
        values = await own_row(mapped, session)
    forged = values | {tenant.name: victim}
    columns = list(forged)
    copied = select(*(func.coalesce(victim, tenant) if one == tenant.name else table.c[one] for one in columns))
    statements: dict[str, Any] = {
        "insert().values()": insert(table).values(forged),
        "insert().values([])": insert(table).values([forged, forged]),
        "insert().from_select()": insert(table).from_select(columns, copied),
        "update() of the tenant": update(table).values({tenant: victim}),
    }
    for what, statement in statements.items():
        for through_connection in (False, True):
            async with toolkit.database.tenant(toolkit.attacker) as session:
                send = (await session.connection()).execute if through_connection else session.execute
                try:
                    await send(statement)
                except SQLAlchemyError as error:
                    await session.rollback()
                    if sqlstate_of(error) in REFUSED:
                        continue
                    # A reference to the row may refuse the update before the policy does.
                    if sqlstate_of(error) == "23503" and "update" in what:
                        continue
                    raise Leak(f"{what} for the victim was not refused by the policy, but: {error}") from error
                await session.rollback()
            raise Leak(f"{what} wrote rows for the victim")
    return blocked()
