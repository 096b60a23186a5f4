"""Sequences: they have no rows of anybody, and yet their numbers are common to all tenants.

Decided by what they tell. A number that a tenant is given, by an identity column or `nextval()`, hints at how many rows
there are: a model that uses one accepts that. `last_value` tells it at any time, and `setval` makes the inserts of
everybody fail; nothing needs either.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Sequence

from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import identifier, qualified

__all__ = ["check_sequences"]


def check_sequences(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the sequences that tell one tenant of the others, and those that nothing uses."""
    application = snapshot.service.roles.application
    schemas = {schema for schema, _ in snapshot.tables}
    declared = _declared(snapshot)
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


def _declared(snapshot: Snapshot) -> set[tuple[str, str]]:
    """Return the sequences that columns of the models name as their default."""
    defaults = [column.default for table, _ in snapshot.tables.values() for column in table.columns]
    return {(item.schema or "public", item.name) for item in defaults if isinstance(item, Sequence)}
