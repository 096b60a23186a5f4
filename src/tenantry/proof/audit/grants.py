"""Grants on tables and sequences, declared and found, merged by object and role so that they can be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tenantry.postgres.objects import PUBLIC, Grant, View
from tenantry.proof.audit.snapshot import VERSION_TABLE, Snapshot

__all__ = ["UNPROTECTED", "extra_grants", "lacking_grants"]

# Privileges to which no policy applies. Each has its own rule where the application or PUBLIC has it.
UNPROTECTED = frozenset({"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"})

# Schema, kind, name, column, role.
_Place = tuple[str, str, str, str, str]


def lacking_grants(snapshot: Snapshot) -> Iterator[Grant]:
    """Yield the declared privileges that are not granted, as one grant for each object and role."""
    found = _by_place(snapshot.objects)
    for place, privileges in _by_place(snapshot.declared).items():
        lacking = privileges - found.get(place, set())
        if lacking:
            yield _grant(place, lacking)


def extra_grants(snapshot: Snapshot, *, unprotected: bool) -> Iterator[Grant]:
    """Yield the granted privileges that are not declared, as one grant for each object and role.

    Args:
        snapshot: the database.
        unprotected: True for the UNPROTECTED privileges of the application and of PUBLIC, False for all others.
    """
    declared = _by_place(snapshot.declared)
    exposed = {snapshot.service.roles.application, PUBLIC}
    for place, privileges in _by_place(snapshot.objects).items():
        extra = privileges - declared.get(place, set())
        if not extra or not _is_watched(place, extra, snapshot):
            continue
        grant = _grant(place, extra)
        apart = extra & UNPROTECTED if grant.role in exposed and not grant.column else set()
        chosen = apart if unprotected else extra - apart
        if chosen:
            yield _grant(place, chosen)


def _by_place(objects: frozenset[object]) -> dict[_Place, set[str]]:
    places: dict[_Place, set[str]] = defaultdict(set)
    for item in objects:
        if isinstance(item, Grant):
            places[item.schema, item.kind, item.name, item.column, item.role].update(item.privileges)
    return places


def _grant(place: _Place, privileges: set[str]) -> Grant:
    schema, kind, name, column, role = place
    return Grant(role, tuple(sorted(privileges)), name, kind, schema, column)  # type: ignore[arg-type]


def _is_watched(place: _Place, extra: set[str], snapshot: Snapshot) -> bool:
    """Return False for grants that other rules check: on schemas and undeclared objects, and those of the owner."""
    schema, kind, name, _, role = place
    if role == snapshot.service.roles.owner:
        return False
    if (schema, name) == VERSION_TABLE:
        return extra != {"SELECT"}
    views = {(item.schema, item.name) for item in snapshot.declared if isinstance(item, View)}
    return kind == "SEQUENCE" or (schema, name) in snapshot.tables or (schema, name) in views
