"""Sequences: they have no rows of anybody, and yet their numbers are common to all tenants.

Decided by what they tell. A number that a tenant is given, by an identity column or `nextval()`, hints at how many rows
there are: a model that uses one accepts that. `last_value` tells it at any time, and `setval` makes the inserts of
everybody fail; nothing needs either.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tenantry.postgres.objects import Sequence
from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import identifier, qualified
from tenantry.tenancy.sequences import drawn_sequences

__all__ = ["check_sequences"]


def check_sequences(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the sequences that are not as declared, that tell one tenant of the others, and that nothing uses."""
    application = snapshot.service.roles.application
    schemas = {schema for schema, _ in snapshot.tables}
    declared = {(item.schema, item.name) for item in snapshot.declared if isinstance(item, Sequence)}
    declared |= drawn_sequences(snapshot.service.metadata)
    yield from _missing(snapshot)
    for row in snapshot.facts["sequences"]:
        name = qualified(row["schema"], row["name"])
        thing = f"sequence {row['schema']}.{row['name']}"
        keys = [tuple(table.split(".", 1)) for table in row["tables"]]
        if any(snapshot.is_isolated((schema, table)) for schema, table in keys):
            can = [verb for verb, may in (("SELECT", row["is_readable"]), ("UPDATE", row["is_writable"])) if may]
            if can:
                message = f"{application} has {' and '.join(can)} on the sequence that numbers the rows of all tenants."
                remedy = f"REVOKE {', '.join(can)} ON SEQUENCE {name} FROM {identifier(application)}, PUBLIC"
                yield draft("sequence_exposed", thing, message, remedy)
        elif not keys and row["schema"] in schemas and (row["schema"], row["name"]) not in declared:
            yield draft("sequence_undeclared", thing, "No column uses the sequence.", f"DROP SEQUENCE {name}")


def _missing(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield declared sequences that do not exist, or are others than declared."""
    found = {(item.schema, item.name): item for item in snapshot.objects if isinstance(item, Sequence)}
    declared = {(item.schema, item.name): item for item in snapshot.declared if isinstance(item, Sequence)}
    for key in sorted({*declared, *drawn_sequences(snapshot.service.metadata)}):
        item = declared.get(key, Sequence(key[1], key[0]))
        thing = f"sequence {'.'.join(key)}"
        if key not in found:
            message = "The models draw numbers from the sequence, and it does not exist."
            yield draft("sequence_differs", thing, message, *item.create())
        elif key in declared and found[key] != item:
            fields = [field.name for field in dataclasses.fields(item)]
            said = [
                f"{name} is {getattr(found[key], name)} instead of {getattr(item, name)}"
                for name in fields
                if getattr(found[key], name) != getattr(item, name)
            ]
            message = f"The sequence was altered: {', '.join(said)}."
            yield draft("sequence_differs", thing, message, *item.alter(), severity="warning")
