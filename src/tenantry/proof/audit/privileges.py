"""Privileges: what each role may do with the declared tables, no less and no more.

The application gets SELECT, INSERT, UPDATE and DELETE by name, as far as a model says. What no policy holds, TRUNCATE
above all, is told apart from other privileges that are too many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from tenantry.postgres.objects import PUBLIC, Grant, Sequence
from tenantry.proof.audit.finding import Draft, Severity, draft
from tenantry.proof.audit.snapshot import DEFAULT_SCHEMA, Key, Snapshot
from tenantry.sql import identifier, qualified

__all__ = ["check_privileges"]

# Alembic's table. Readiness reads it in the application's role; nobody but the owner writes it.
VERSION_TABLE = (DEFAULT_SCHEMA, "alembic_version")

# What no policy holds, each with a rule of its own, for those who serve requests.
_ALONE = {
    "TRUNCATE": ("truncate_granted", "it empties the table for every tenant, past every policy"),
    "REFERENCES": ("references_granted", "a foreign key tells of the keys of all tenants"),
    "TRIGGER": ("trigger_granted", "its function runs in the statements of everybody who writes"),
    "MAINTAIN": ("maintain_granted", "LOCK TABLE and REINDEX stop every tenant"),
}

# Schema, kind, name, column, role.
_Place = tuple[str, str, str, str, str]


def check_privileges(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield privileges that are missing or too many, on tables and sequences."""
    declared, found = _by_place(snapshot.declared), _by_place(snapshot.objects)
    sequences = {(item.schema, item.name) for item in snapshot.objects if isinstance(item, Sequence)}
    # That one is missing is a finding of its own.
    existing: dict[str, Collection[Key]] = {"TABLE": snapshot.relations, "SEQUENCE": sequences}
    for place, privileges in declared.items():
        lacking = privileges - found.get(place, set())
        key = (place[0], place[2])
        if lacking and key in existing.get(place[1], {key}):
            grant = _grant(place, lacking)
            message = f"{grant.role} is not granted {', '.join(grant.privileges)}."
            yield draft("grant_missing", _object(grant), message, *grant.create())
    for place, privileges in found.items():
        extra = privileges - declared.get(place, set())
        if extra and _is_watched(place, extra, snapshot):
            yield from _extra(_grant(place, extra), snapshot)
    yield from _grant_options(snapshot)


def _by_place(objects: frozenset[object]) -> dict[_Place, set[str]]:
    places: dict[_Place, set[str]] = defaultdict(set)
    for item in objects:
        if isinstance(item, Grant):
            places[item.schema, item.kind, item.name, item.column, item.role].update(item.privileges)
    return places


def _grant(place: _Place, privileges: set[str]) -> Grant:
    schema, kind, name, column, role = place
    return Grant(role, tuple(sorted(privileges)), name, kind, schema, column)  # type: ignore[arg-type]


def _object(grant: Grant) -> str:
    column = f".{grant.column}" if grant.column else ""
    return f"{grant.kind.lower()} {grant.schema}.{grant.name}{column}"


def _granted(grant: Grant) -> str:
    """Return what was granted, to whom, and on what: another privilege, or another grantee, is another object."""
    return f"{_object(grant)}: {', '.join(grant.privileges)} to {grant.role}"


def _is_watched(place: _Place, extra: set[str], snapshot: Snapshot) -> bool:
    """False for what other checks report: schemas, what nobody declared, and an owner that is another."""
    schema, kind, name, _, role = place
    if role == snapshot.service.roles.owner:
        return False
    if (schema, name) == VERSION_TABLE:
        return extra != {"SELECT"}
    return kind == "SEQUENCE" or (schema, name) in snapshot.tables


def _extra(grant: Grant, snapshot: Snapshot) -> Iterator[Draft]:
    roles = snapshot.service.roles
    if grant.role in {roles.application, PUBLIC} and not grant.column:
        for privilege in grant.privileges:
            if privilege in _ALONE:
                rule, also = _ALONE[privilege]
                one = Grant(grant.role, (privilege,), grant.name, grant.kind, grant.schema)
                yield draft(rule, _granted(one), f"{grant.role} may {privilege}: {also}.", *one.drop())
        rest = tuple(privilege for privilege in grant.privileges if privilege not in _ALONE)
        if not rest:
            return
        grant = Grant(grant.role, rest, grant.name, grant.kind, grant.schema)
    listed = ", ".join(grant.privileges)
    if grant.role == PUBLIC:
        message = f"PUBLIC, which is every role, is granted {listed}."
        yield draft("grant_to_public", _granted(grant), message, *grant.drop())
        return
    severity: Severity = "error" if grant.role == roles.application else "warning"
    if grant.kind == "SEQUENCE":
        # A sequence has no rows of anybody; what else it tells is TN420.
        severity = "info"
    message = f"{grant.role} is granted {listed}, which is not declared."
    yield draft("grant_undeclared", _granted(grant), message, *grant.drop(), severity=severity)


def _grant_options(snapshot: Snapshot) -> Iterator[Draft]:
    application = snapshot.service.roles.application
    for item in snapshot.objects - snapshot.declared:
        if isinstance(item, Grant) and item.grantable and item.role == application:
            column = f" ({identifier(item.column)})" if item.column else ""
            listed = ", ".join(f"{privilege}{column}" for privilege in item.privileges)
            remedy = f"REVOKE GRANT OPTION FOR {listed} ON {item.address} FROM {identifier(application)}"
            message = f"{application} may hand on {', '.join(item.privileges)} to other roles."
            yield draft("grant_option", _granted(item), message, remedy)


def owner_remedy(schema: str, name: str, owner: str) -> str:
    """Return the statement that gives a table to its owner."""
    return f"ALTER TABLE {qualified(schema, name)} OWNER TO {identifier(owner)}"
