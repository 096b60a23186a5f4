"""Attacks that read through the ORM: each way of SQLAlchemy from an entity or a key to a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Executable, func, literal, select, union_all
from sqlalchemy.exc import InvalidRequestError, SQLAlchemyError
from sqlalchemy.orm import (
    RelationshipProperty,
    Session,
    aliased,
    immediateload,
    joinedload,
    selectinload,
    subqueryload,
    undefer,
)
from sqlalchemy.orm.exc import ObjectDeletedError

from tenantry.proof.isolation.runtime.mapped import MappedTable, relationships
from tenantry.proof.isolation.runtime.registration import mapped_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped
from tenantry.tenancy.scope import parse_tenant
from tenantry.tenancy.unit_of_work import TenantSession

__all__ = ["NO_ROW", "judge_entities", "victims_row"]

Relationship = RelationshipProperty[Any]

NO_ROW = "the table has no row of the victim"


async def victims_row(toolkit: AttackedToolkit, mapped: MappedTable) -> Any:
    """Return a row of the victim, loaded in its own unit of work and detached. Return None if it has no row."""
    async with toolkit.database.tenant(toolkit.victim) as session:
        return await mapped.first(session)


def judge_entities(toolkit: AttackedToolkit, mapped: MappedTable, found: Iterable[Any], where: str) -> None:
    """Check that every entity is the attacker's, and that there is one if the attacker has a row.

    Raises:
        Leak: one is another tenant's, or the attacker's own are missing.
    """
    owners = {mapped.tenant_of(entity) for entity in found}
    if owners - {toolkit.attacker}:
        raise Leak(f"{where} gave rows of {', '.join(sorted(owners - {toolkit.attacker}))}")
    if not owners and mapped.target.rows.get(toolkit.attacker):
        raise Leak(f"{where} hid the attacker's own rows")


@mapped_attack("select entities, aliases, joins, subqueries and unions without a filter")
async def orm_select(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Select without a WHERE, in forms that an added predicate can miss."""
    model, other = mapped.model, aliased(mapped.model)
    tenant, others = mapped.model.__tenant__, getattr(other, mapped.model.__tenant__.key)
    inner = aliased(model, select(model).subquery())
    attacker, victim = (parse_tenant(one, mapped.tenant.type) for one in (toolkit.attacker, toolkit.victim))
    async with toolkit.database.tenant(toolkit.attacker) as session:
        for what, statement in (
            ("a select", select(model)),
            ("a select of an alias", select(other)),
            ("a select from a subquery", select(inner)),
            ("a select by the victim's name", select(model).where((tenant == victim) | literal(value=True))),
        ):
            entities = (await session.scalars(statement)).unique().all()
            judge_entities(toolkit, mapped, entities, what)
        pairs = (await session.execute(select(tenant, others).join(other, literal(value=True)))).all()
        outer = (await session.execute(select(tenant, others).outerjoin(other, literal(value=True)))).all()
        both = (await session.execute(union_all(select(tenant), select(others)))).all()
        seen = {str(owner) for row in (*pairs, *outer, *both) for owner in row}
        if seen - {toolkit.attacker}:
            raise Leak(f"a join or a union gave rows of {', '.join(sorted(seen - {toolkit.attacker}))}")
        counted = await session.scalar(select(func.count()).select_from(model).where(tenant != attacker))
        if counted:
            raise Leak(f"a count had {counted} rows of others")
    return blocked()


@mapped_attack("get a row by the victim's primary key")
async def orm_get(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Call `get` and `get_one` with another tenant's key, with the options that change its statement."""
    theirs = await victims_row(toolkit, mapped)
    if theirs is None:
        return skipped(NO_ROW)
    key = mapped.key_of(theirs)
    variants: list[dict[str, Any]] = [{}, {"populate_existing": True}, {"options": [undefer("*")]}]
    async with toolkit.database.tenant(toolkit.attacker) as session:
        own = await mapped.first(session)
        for options in variants:
            if await session.get(mapped.model, key, **options) is not None:
                raise Leak(f"get() with {options} gave the victim's row")
        if own is not None:
            session.expunge_all()
            judge_entities(
                toolkit, mapped, [await session.get_one(mapped.model, mapped.key_of(own))], "get() of its own"
            )
    async with toolkit.database.tenant(toolkit.attacker, read_only=True) as reading:
        if await reading.get(mapped.model, key) is not None:
            raise Leak("get() of a reader gave the victim's row")
    return blocked()


@mapped_attack("refresh or expire the victim's entity, attached to its own session")
async def orm_refresh(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Attach what the victim loaded, and load it again: the attacker must find no such row."""
    for with_attribute in (False, True):
        theirs = await victims_row(toolkit, mapped)
        if theirs is None:
            return skipped(NO_ROW)
        async with toolkit.database.tenant(toolkit.attacker) as session:
            session.add(theirs)
            try:
                if with_attribute:
                    session.expire(theirs)
                    await session.run_sync(_read, theirs, mapped.harmless)
                else:
                    await session.refresh(theirs)
            except (InvalidRequestError, ObjectDeletedError):
                continue
            finally:
                session.expunge_all()
            raise Leak("the victim's row was loaded again in the attacker's session")
    return blocked()


@mapped_attack("stream rows, in parts and over a server-side cursor")
async def orm_stream(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Use `stream`, `stream_scalars`, `yield_per` and partitions; commit in between."""
    statement = select(mapped.model)
    async with toolkit.database.tenant(toolkit.attacker) as session:
        judge_entities(
            toolkit, mapped, [one async for one in await session.stream_scalars(statement)], "stream_scalars()"
        )
        result = await session.stream(statement.execution_options(yield_per=1))
        judge_entities(toolkit, mapped, [row[0] async for row in result], "stream() with yield_per")
        pieces = await session.stream_scalars(statement.execution_options(yield_per=2))
        judge_entities(toolkit, mapped, [one async for piece in pieces.partitions(1) for one in piece], "partitions()")
        chunks = statement.execution_options(yield_per=1)
        found = await session.run_sync(_fetch_all, chunks)
        judge_entities(toolkit, mapped, found, "scalars() with yield_per")
        unfinished = await session.stream_scalars(statement.execution_options(yield_per=1))
        first = await unfinished.first()
        await session.commit()
        judge_entities(toolkit, mapped, [first] if first is not None else [], "an unfinished stream")
        judge_entities(
            toolkit, mapped, [one async for one in await session.stream_scalars(statement)], "the next stream"
        )
    return blocked()


@mapped_attack("load the victim's rows along a relationship, eagerly or when it is first touched")
async def orm_relationships(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Load each relationship in every way, of its own entities and of the victim's, attached to its session."""
    found_relationships = relationships(mapped)
    if not found_relationships:
        return skipped("the class has no relationship to a tenant table")
    for relationship in found_relationships:
        async with toolkit.database.tenant(toolkit.attacker) as session:
            await _load_related(toolkit, mapped, relationship, session)
        theirs = await victims_row(toolkit, mapped)
        async with toolkit.database.tenant(toolkit.attacker) as session:
            session.add(theirs)
            found = await session.run_sync(_touch, theirs, relationship)
            session.expunge_all()
        _judge_related(toolkit, relationship, [found], f"a lazy load of {relationship.key} of the victim's entity")
    return blocked(", ".join(relationship.key for relationship in found_relationships))


async def _load_related(
    toolkit: AttackedToolkit, mapped: MappedTable, relationship: Relationship, session: TenantSession
) -> None:
    attribute, related = getattr(mapped.model, relationship.key), relationship.mapper.class_
    for load in (selectinload, joinedload, subqueryload, immediateload):
        statement = select(mapped.model).options(load(attribute)).execution_options(populate_existing=True)
        entities = (await session.scalars(statement)).unique().all()
        judge_entities(toolkit, mapped, entities, f"{load.__name__} of {relationship.key}")
        _judge_related(
            toolkit,
            relationship,
            [getattr(one, relationship.key) for one in entities],
            f"{load.__name__} of {relationship.key}",
        )
    session.expunge_all()
    entities = (await session.scalars(select(mapped.model))).all()
    touched = [await session.run_sync(_touch, one, relationship) for one in entities]
    _judge_related(toolkit, relationship, touched, f"a lazy load of {relationship.key}")
    joined = (await session.scalars(select(related).select_from(mapped.model).join(attribute))).unique().all()
    _judge_related(toolkit, relationship, joined, f"a join along {relationship.key}")


def _read(_session: Session, entity: Any, name: str) -> None:
    getattr(entity, name)


def _fetch_all(session: Session, statement: Executable) -> Sequence[Any]:
    return session.scalars(statement).all()


def _touch(_session: Session, entity: Any, relationship: Relationship) -> Any:
    try:
        return getattr(entity, relationship.key)
    except SQLAlchemyError:
        return None


def _judge_related(toolkit: AttackedToolkit, relationship: Relationship, loaded: Iterable[Any], where: str) -> None:
    tenant = relationship.mapper.class_.__tenant__.key
    entities = [
        one
        for related in loaded
        for one in (related if isinstance(related, list | set) else [related])
        if one is not None
    ]
    owners = {str(getattr(one, tenant)) for one in entities}
    if owners - {toolkit.attacker}:
        raise Leak(f"{where} gave rows of {', '.join(sorted(owners - {toolkit.attacker}))}")
