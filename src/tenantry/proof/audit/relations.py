"""Tables, views and partitions as relations: what is missing, what nobody declared, and what the application reaches.

Policies belong to one table. A view that runs as its owner, a materialized view, a foreign table and a partition that
is read by its own name are ways round them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Grant
from tenantry.proof.audit.finding import Draft, Severity, draft
from tenantry.proof.audit.privileges import VERSION_TABLE, owner_remedy
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier, qualified

__all__ = ["check_relations"]

DECLARE = "Declare it in a model, or move it to a schema of its own."


def check_relations(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield findings about each declared table as a whole, and about each relation besides."""
    owner = snapshot.service.roles.owner
    for key in snapshot.tables:
        row = snapshot.relations.get(key)
        thing = f"table {'.'.join(key)}"
        if row is None:
            message = "The table is declared, and does not exist."
            yield draft("table_missing", thing, message, f"tenantry migrate --service {snapshot.service.name}")
            continue
        if row["owner"] != owner:
            is_served = row["owner"] == snapshot.service.roles.application
            message = f"The table belongs to {row['owner']}, not to {owner}."
            severity: Severity = "error" if is_served else "warning"
            yield draft("owner_differs", thing, message, owner_remedy(*key, owner), severity=severity)
        if not row["is_readable"]:
            message = "Checks and defaults were not compared: the audit's role may not SELECT from the table."
            yield draft("not_compared", thing, message, f"Audit in the role of the owner, {owner}.")
        if row["is_unlogged"]:
            message = "The table is UNLOGGED: a crash of the server empties it, and standbys do not have it."
            yield draft("table_unlogged", thing, message, f"ALTER TABLE {qualified(*key)} SET LOGGED")
        yield from _parents(row, snapshot, thing)
        for rule in snapshot.rows("rules", key):
            message = f"A rewrite rule on {'.'.join(key)} changes what statements do."
            dropped = f"DROP RULE {identifier(rule)} ON {qualified(*key)}"
            yield draft("rule_undeclared", f"rule {'.'.join((*key, rule))}", message, dropped)
    declared_schemas = {schema for schema, _ in snapshot.tables}
    for key, row in snapshot.relations.items():
        if key not in snapshot.tables and key != VERSION_TABLE:
            yield from _undeclared(row, snapshot, is_ours=row["schema"] in declared_schemas)


def _parents(row: Row, snapshot: Snapshot, thing: str) -> Iterator[Draft]:
    """A parent shows the rows of its children by its own policies, or by none."""
    if snapshot.is_isolated((row["schema"], row["name"])):
        for parent in row["parents"]:
            message = f"Whoever reads {parent} is shown the rows of {row['name']} past its policies."
            verb = "DETACH PARTITION {}" if row["root"] else "NO INHERIT {}"
            table, other = qualified(row["schema"], row["name"]), qualified(*_key(parent))
            remedy = f"ALTER TABLE {other if row['root'] else table} {verb.format(table if row['root'] else other)}"
            yield draft("inheritance_open", thing, message, remedy)


def _undeclared(row: Row, snapshot: Snapshot, *, is_ours: bool) -> Iterator[Draft]:
    name = f"{row['schema']}.{row['name']}"
    application = snapshot.service.roles.application
    revoke = f"REVOKE ALL ON {qualified(row['schema'], row['name'])} FROM {identifier(application)}, PUBLIC"
    if row["kind"] == "m" and row["is_reachable"]:
        message = f"{application} can read a materialized view: it holds rows of all tenants, and has no policies."
        yield draft("materialized_view_open", f"materialized view {name}", message, revoke)
    elif row["kind"] == "f" and row["is_reachable"]:
        message = f"{application} can reach a foreign table: what it shows, no policy of this database holds."
        yield draft("foreign_table_open", f"foreign table {name}", message, revoke)
    elif row["kind"] == "v" and row["is_reachable"] and not row["is_invoker"]:
        message = f"{application} can reach a view that reads with the rights of its owner {row['owner']}."
        invoker = f"ALTER VIEW {qualified(row['schema'], row['name'])} SET (security_invoker = true)"
        yield draft("view_open", f"view {name}", message, invoker)
    elif row["kind"] in {"v", "m", "f"}:
        if is_ours and not _is_granted(row, snapshot):
            noun = {"v": "view", "m": "materialized view", "f": "foreign table"}[row["kind"]]
            yield draft("view_undeclared", f"{noun} {name}", "No model declares it.", DECLARE)
    elif row["root"]:
        yield from _partition(row, snapshot, revoke)
    elif any(snapshot.is_isolated(_key(parent)) for parent in row["parents"]):
        yield _child(row, snapshot)
    elif is_ours or row["is_reachable"]:
        severity: Severity = "error" if row["is_reachable"] else "warning"
        also = f", and {application} can reach it" if row["is_reachable"] else ""
        message = f"No model declares the table{also}."
        yield draft("table_undeclared", f"table {name}", message, revoke if also else DECLARE, severity=severity)


def _is_granted(row: Row, snapshot: Snapshot) -> bool:
    """Return whether the service declares a grant on a view, and by that the view."""
    place = (row["schema"], row["name"])
    return any(isinstance(item, Grant) and (item.schema, item.name) == place for item in snapshot.declared)


def _key(name: str) -> tuple[str, str]:
    schema, _, table = name.partition(".")
    return schema, table


def _child(row: Row, snapshot: Snapshot) -> Draft:
    parents = [parent for parent in row["parents"] if snapshot.is_isolated(_key(parent))]
    application = snapshot.service.roles.application
    also = f", and {application} can reach it by its own name, past their policies" if row["is_reachable"] else ""
    held = "" if row["is_forced"] else " It has no row security of its own."
    severity: Severity = "error" if row["is_reachable"] else "warning"
    message = f"It inherits from {', '.join(parents)}{also}.{held}"
    table = qualified(row["schema"], row["name"])
    remedy = "; ".join(f"ALTER TABLE {table} NO INHERIT {qualified(*_key(parent))}" for parent in parents)
    return draft("inheritance_open", f"table {row['schema']}.{row['name']}", message, remedy, severity=severity)


def _partition(row: Row, snapshot: Snapshot, revoke: str) -> Iterator[Draft]:
    parent = snapshot.tables.get((row["root_schema"], row["root"]))
    if parent is None or not parent[1].kind.is_isolated:
        return
    thing = f"table {row['schema']}.{row['name']}"
    table = qualified(row["schema"], row["name"])
    if row["is_reachable"]:
        message = (
            f"A partition of {row['root']} can be reached by its own name, where its parent's policies do not hold."
        )
        yield draft("partition_open", thing, message, revoke)
    elif not row["is_forced"]:
        message = f"A partition of {row['root']} has no row security of its own: one GRANT would open it."
        force = f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        yield draft("partition_open", thing, message, force, severity="warning")
