"""Attacks by reading through the ORM: each way that SQLAlchemy has from an entity or a key to a row."""

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

from tenantry.proof.isolation.runtime.arena import Arena, Leak
from tenantry.proof.isolation.runtime.mapped import Mapped, relationships
from tenantry.proof.isolation.runtime.trial import mapped_attack
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped
from tenantry.tenancy.scope import parse_tenant
from tenantry.tenancy.session import TenantSession

__all__ = ["NO_ROW", "judge_entities", "victims_row"]

Lead = RelationshipProperty[Any]

NO_ROW = "the ground holds no row of the victim's here"


async def victims_row(arena: Arena, mapped: Mapped) -> Any:
    """Return a row of the victim's, loaded in its own unit of work and detached; None where it has none."""
    async with arena.database.tenant(arena.victim) as session:
        return await mapped.first(session)


def judge_entities(arena: Arena, mapped: Mapped, found: Iterable[Any], where: str) -> None:
    """Check that every entity is the attacker's, and that there is one where it has one.

    Raises:
        Leak: it is not so.
    """
    owners = {mapped.tenant_of(entity) for entity in found}
    if owners - {arena.attacker}:
        raise Leak(f"{where} gave rows of {', '.join(sorted(owners - {arena.attacker}))}")
    if not owners and mapped.target.rows.get(arena.attacker):
        raise Leak(f"{where} hid the attacker's own rows")


@mapped_attack("select entities, aliases, joins, subqueries and unions that nobody filtered")
async def orm_select(arena: Arena, mapped: Mapped) -> Verdict:
    """Select without a WHERE, in the forms in which a predicate is easily forgotten."""
    model, other = mapped.model, aliased(mapped.model)
    tenant, others = mapped.model.__tenant__, getattr(other, mapped.model.__tenant__.key)
    inner = aliased(model, select(model).subquery())
    attacker, victim = (parse_tenant(one, mapped.tenant.type) for one in (arena.attacker, arena.victim))
    async with arena.database.tenant(arena.attacker) as session:
        for what, statement in (
            ("a select", select(model)),
            ("a select of an alias", select(other)),
            ("a select from a subquery", select(inner)),
            ("a select by the victim's name", select(model).where((tenant == victim) | literal(value=True))),
        ):
            entities = (await session.scalars(statement)).unique().all()
            judge_entities(arena, mapped, entities, what)
        pairs = (await session.execute(select(tenant, others).join(other, literal(value=True)))).all()
        outer = (await session.execute(select(tenant, others).outerjoin(other, literal(value=True)))).all()
        both = (await session.execute(union_all(select(tenant), select(others)))).all()
        seen = {str(owner) for row in (*pairs, *outer, *both) for owner in row}
        if seen - {arena.attacker}:
            raise Leak(f"a join or a union gave rows of {', '.join(sorted(seen - {arena.attacker}))}")
        counted = await session.scalar(select(func.count()).select_from(model).where(tenant != attacker))
        if counted:
            raise Leak(f"a count told of {counted} rows of others")
    return blocked()


@mapped_attack("get a row by the victim's primary key")
async def orm_get(arena: Arena, mapped: Mapped) -> Verdict:
    """Call `get` and `get_one` with another tenant's key, with the options that change its statement."""
    theirs = await victims_row(arena, mapped)
    if theirs is None:
        return skipped(NO_ROW)
    key = mapped.key_of(theirs)
    variants: list[dict[str, Any]] = [{}, {"populate_existing": True}, {"options": [undefer("*")]}]
    async with arena.database.tenant(arena.attacker) as session:
        own = await mapped.first(session)
        for options in variants:
            if await session.get(mapped.model, key, **options) is not None:
                raise Leak(f"get() with {options} gave the victim's row")
        if own is not None:
            session.expunge_all()
            judge_entities(arena, mapped, [await session.get_one(mapped.model, mapped.key_of(own))], "get() of its own")
    async with arena.database.tenant(arena.attacker, read_only=True) as reading:
        if await reading.get(mapped.model, key) is not None:
            raise Leak("get() of a reader gave the victim's row")
    return blocked()


@mapped_attack("refresh or expire the victim's entity, attached to its own session")
async def orm_refresh(arena: Arena, mapped: Mapped) -> Verdict:
    """Attach what the victim loaded, and have it loaded anew: there is no such row."""
    for with_attribute in (False, True):
        theirs = await victims_row(arena, mapped)
        if theirs is None:
            return skipped(NO_ROW)
        async with arena.database.tenant(arena.attacker) as session:
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
            raise Leak("the victim's row was loaded anew in the attacker's session")
    return blocked()


@mapped_attack("stream rows, in pieces and over a server-side cursor")
async def orm_stream(arena: Arena, mapped: Mapped) -> Verdict:
    """Use `stream`, `stream_scalars`, `yield_per` and partitions; commit in between."""
    statement = select(mapped.model)
    async with arena.database.tenant(arena.attacker) as session:
        judge_entities(
            arena, mapped, [one async for one in await session.stream_scalars(statement)], "stream_scalars()"
        )
        result = await session.stream(statement.execution_options(yield_per=1))
        judge_entities(arena, mapped, [row[0] async for row in result], "stream() with yield_per")
        pieces = await session.stream_scalars(statement.execution_options(yield_per=2))
        judge_entities(arena, mapped, [one async for piece in pieces.partitions(1) for one in piece], "partitions()")
        chunks = statement.execution_options(yield_per=1)
        found = await session.run_sync(_fetch_all, chunks)
        judge_entities(arena, mapped, found, "scalars() with yield_per")
        unfinished = await session.stream_scalars(statement.execution_options(yield_per=1))
        first = await unfinished.first()
        await session.commit()
        judge_entities(arena, mapped, [first] if first is not None else [], "an unfinished stream")
        judge_entities(arena, mapped, [one async for one in await session.stream_scalars(statement)], "the next stream")
    return blocked()


@mapped_attack("load the victim's rows along a relationship, eagerly or when it is first touched")
async def orm_relationships(arena: Arena, mapped: Mapped) -> Verdict:
    """Load each relationship in every way, of its own entities and of the victim's, attached to its session."""
    leads = relationships(mapped)
    if not leads:
        return skipped("the class has no relationship to a tenant table")
    for lead in leads:
        async with arena.database.tenant(arena.attacker) as session:
            await _load_kin(arena, mapped, lead, session)
        theirs = await victims_row(arena, mapped)
        async with arena.database.tenant(arena.attacker) as session:
            session.add(theirs)
            found = await session.run_sync(_touch, theirs, lead)
            session.expunge_all()
        _judge_kin(arena, lead, [found], f"a lazy load of {lead.key} of the victim's entity")
    return blocked(", ".join(lead.key for lead in leads))


async def _load_kin(arena: Arena, mapped: Mapped, lead: Lead, session: TenantSession) -> None:
    attribute, kin = getattr(mapped.model, lead.key), lead.mapper.class_
    for load in (selectinload, joinedload, subqueryload, immediateload):
        statement = select(mapped.model).options(load(attribute)).execution_options(populate_existing=True)
        entities = (await session.scalars(statement)).unique().all()
        judge_entities(arena, mapped, entities, f"{load.__name__} of {lead.key}")
        _judge_kin(arena, lead, [getattr(one, lead.key) for one in entities], f"{load.__name__} of {lead.key}")
    session.expunge_all()
    entities = (await session.scalars(select(mapped.model))).all()
    touched = [await session.run_sync(_touch, one, lead) for one in entities]
    _judge_kin(arena, lead, touched, f"a lazy load of {lead.key}")
    joined = (await session.scalars(select(kin).select_from(mapped.model).join(attribute))).unique().all()
    _judge_kin(arena, lead, joined, f"a join along {lead.key}")


def _read(_session: Session, entity: Any, name: str) -> None:
    getattr(entity, name)


def _fetch_all(session: Session, statement: Executable) -> Sequence[Any]:
    return session.scalars(statement).all()


def _touch(_session: Session, entity: Any, lead: Lead) -> Any:
    try:
        return getattr(entity, lead.key)
    except SQLAlchemyError:
        return None


def _judge_kin(arena: Arena, lead: Lead, loaded: Iterable[Any], where: str) -> None:
    tenant = lead.mapper.class_.__tenant__.key
    entities = [one for kin in loaded for one in (kin if isinstance(kin, list | set) else [kin]) if one is not None]
    owners = {str(getattr(one, tenant)) for one in entities}
    if owners - {arena.attacker}:
        raise Leak(f"{where} gave rows of {', '.join(sorted(owners - {arena.attacker}))}")
