"""How the server spells a declared object, so that its author may write SQL in any form.

The catalog has PostgreSQL's own text of an expression, of a query and of a list of arguments. An object that exists in
the database with another text is either altered or only spelled in another way. So it is created in a schema of its
own, read back in the server's words, and rolled back with its savepoint. This takes no lock above ACCESS SHARE on an
existing object: a policy and a trigger are created on a copy of the table's columns.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import NamedTuple, TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tenantry.postgres.catalog import read_objects
from tenantry.postgres.objects import PUBLIC, DatabaseObject, Function, Policy, Trigger, View
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.sql import identifier, qualified

__all__ = ["Respelling", "respelled"]

_SPELLED = (Function, Policy, Trigger, View)
_Spelled: TypeAlias = Function | Policy | Trigger | View

_Object = TypeVar("_Object", bound=DatabaseObject)

# The second text is stable in every known case.
ROUNDS = 3

# A role without CREATE on the database, and a transaction or a standby that is read only.
_NOT_ALLOWED = frozenset({"42501", "25006"})


class Respelling(NamedTuple):
    """The declared objects in the server's spelling.

    Attributes:
        objects: the declared objects; one that does not exist, or that the server cannot create yet, keeps its text.
        unknown: those of them whose text the role could not compare; they have that of the found object.
        authored: the author's objects, by the identity in the server's spelling.
    """

    objects: frozenset[DatabaseObject]
    unknown: frozenset[DatabaseObject]
    authored: Mapping[tuple[str, ...], DatabaseObject]


def respelled(
    connection: Connection,
    declared: AbstractSet[DatabaseObject],
    found: AbstractSet[DatabaseObject],
    own: AbstractSet[DatabaseObject],
) -> Respelling:
    """Return the declared objects, those of `own` that exist in the spelling of `found`.

    The other declared objects are written by Tenantry, in the server's spelling.
    """
    spelled: set[DatabaseObject] = set(declared)
    authored: dict[tuple[str, ...], DatabaseObject] = {}
    unknown: set[DatabaseObject] = set()
    existing = {item.identity: item for item in found}
    names = {_name(item) for item in found}
    for item in sorted((declared & own) - found):
        if not isinstance(item, Function | Policy | Trigger | View) or _name(item) not in names:
            continue
        try:
            forms = list(_forms(connection, item))
            other = existing.get(forms[0].identity)
            # The database has one of several texts: it may have been restored from a dump.
            is_same = other in forms or (isinstance(other, _SPELLED) and forms[-1] in _forms(connection, other))
        except DBAPIError as error:
            (other, *overloads) = (each for each in found if _name(each) == _name(item))
            if sqlstate_of(error) in _NOT_ALLOWED and not overloads:
                spelled.remove(item)
                assumed = _with_text_of(item, other)
                spelled.add(assumed)
                unknown.add(assumed)
                authored[assumed.identity] = item
            continue
        # A function is found by its arguments, so it needs the server's text of them even if its body differs.
        if other is not None and (is_same or other.identity != item.identity):
            spelled.remove(item)
            spelled.add(other if is_same else forms[0])
            authored[other.identity] = item
    return Respelling(frozenset(spelled), frozenset(unknown), authored)


def _forms(connection: Connection, item: _Spelled) -> Iterator[_Spelled]:
    """Yield the texts that the server prints for the object, and for what it has printed, until the text is stable.

    Raises:
        DBAPIError: the server cannot create the object, for example because a column does not exist yet.
    """
    previous = item
    for _ in range(ROUNDS):
        item = _printed(connection, previous)
        yield item
        if item == previous:
            return
        previous = item


def _with_text_of(item: _Object, found: DatabaseObject) -> _Object:
    """Return the object with the texts of another one that the server may spell in another way."""
    if isinstance(item, View) and isinstance(found, View):
        return replace(item, query=found.query)
    if isinstance(item, Policy) and isinstance(found, Policy):
        return replace(item, using=found.using, check=found.check)
    if isinstance(item, Trigger) and isinstance(found, Trigger):
        return replace(item, when=found.when, function=found.function)
    if isinstance(item, Function) and isinstance(found, Function):
        return replace(item, returns=found.returns, arguments=found.arguments)
    return item


def _name(item: DatabaseObject) -> tuple[str, ...]:
    """Return the identity, for a function without its arguments."""
    return item.identity[:3] if isinstance(item, Function) else item.identity


def _printed(connection: Connection, item: _Spelled) -> _Spelled:
    """Return the object as the server prints it."""
    schema = f"tenantry_{secrets.token_hex(8)}"
    savepoint = connection.begin_nested()
    try:
        for statement in _statements(item, schema):
            connection.exec_driver_sql(statement)
        (found,) = read_objects(connection, schema, {item.noun})
    finally:
        savepoint.rollback()
    if isinstance(item, Function) and isinstance(found, Function):
        return replace(found, schema=item.schema, execute=item.execute)
    if isinstance(item, Policy) and isinstance(found, Policy):
        return replace(found, schema=item.schema, roles=item.roles)
    assert isinstance(found, Trigger | View)
    return replace(found, schema=item.schema)


def _statements(item: _Spelled, schema: str) -> Iterator[str]:
    yield f"CREATE SCHEMA {identifier(schema)}"
    # The body may name a function that another revision creates.
    yield "SET LOCAL check_function_bodies = off"
    match item:
        case Function():
            yield from replace(item, schema=schema, execute=()).create()
        case Policy():
            yield _copied(item, schema)
            yield from replace(item, schema=schema, roles=(PUBLIC,)).create()
        case Trigger():
            yield _copied(item, schema, is_view=item.timing == "INSTEAD OF")
            place, _, name = item.function.rpartition(".")
            if place in {"", item.schema}:
                function = Function(name, "BEGIN RETURN NULL; END", schema=schema)
                yield from function.create()
                item = replace(item, function=name)
            yield from replace(item, schema=schema).create()
        case View():
            yield from replace(item, schema=schema).create()


def _copied(item: Policy | Trigger, schema: str, *, is_view: bool = False) -> str:
    """Return the statement that creates a table or a view with the columns and the name of the item's."""
    original, copy = qualified(item.schema, item.table), qualified(schema, item.table)
    if is_view:
        return f"CREATE VIEW {copy} AS SELECT * FROM {original}"  # noqa: S608  # quoted
    return f"CREATE TABLE {copy} (LIKE {original})"
