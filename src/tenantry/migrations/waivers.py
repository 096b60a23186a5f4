"""The list of accepted findings, `audit.waivers`, as the comparison uses it.

A waiver of a finding that an object differs from its declaration is also for `alembic check` and `revision`: the
object stays as it is in the database. Waivers of other findings, such as an unpinned `search_path`, change no
comparison, because the object is as declared.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from alembic.operations import MigrateOperation, ops

from tenantry.migrations.operations.found import SQLOp
from tenantry.migrations.undeclared import name_of
from tenantry.postgres.dependencies import is_attached
from tenantry.postgres.objects import DatabaseObject, Grant, RowSecurity

__all__ = ["Waiver", "accept_found", "accepted_differences", "drop_accepted", "parse_waivers"]

# The first space before a # ends the object.
_LINE = re.compile(r"(?P<code>\S+)(?:\s+(?P<object>[^#\s].*?))??(?:\s+#\s*(?P<reason>.*))?")

_ROW_SECURITY = frozenset({"TN001", "TN002", "TN003"})
# Rules that compare the database with the declarations.
_DIFFERENCES = frozenset(
    {
        *("TN004", "TN005", "TN006", *(f"TN{number:03}" for number in range(9, 21))),
        *("TN101", "TN102", "TN103", "TN104", "TN105", "TN110", "TN111", "TN112"),
        *("TN201", "TN202", "TN203", "TN204", "TN205", "TN206", "TN207", "TN213"),
        *("TN401", "TN402", "TN403", "TN404", "TN406", "TN407", "TN408", "TN409"),
        *("TN411", "TN412", "TN413", "TN414", "TN416", "TN418", "TN421", "TN423"),
        *(f"TN{number}" for number in range(440, 446)),
        *("TN604", "TN610", "TN611", "TN612"),
    }
)

# The waived objects: by the code for row security, by the object alone for other kinds.
Accepted: TypeAlias = AbstractSet[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Waiver:
    """One line of the list."""

    code: str
    object: str
    reason: str
    line: int


def parse_waivers(path: Path) -> Iterator[Waiver]:
    """Yield the lines of the list, also incomplete ones; a service without a list waives no finding."""
    if not path.is_file():
        return
    # An editor's byte order mark is allowed. Text that is not UTF-8 becomes a malformed line.
    for number, text in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        line = text.strip()
        if line and not line.startswith("#"):
            found = _LINE.fullmatch(line)
            assert found is not None
            yield Waiver(found["code"], (found["object"] or "").strip(), (found["reason"] or "").strip(), number)


def accepted_differences(path: Path) -> frozenset[str]:
    """Return the names of the objects that may differ from their declaration."""
    found = set()
    for waiver in parse_waivers(path):
        if waiver.object and waiver.reason and waiver.code in _DIFFERENCES:
            found.add(waiver.object)
        elif waiver.object and waiver.reason and waiver.code in _ROW_SECURITY:
            found.add(f"row security of {waiver.object}")
    return frozenset(found)


def accept_found(
    declared: AbstractSet[DatabaseObject], found: AbstractSet[DatabaseObject], accepted: Accepted
) -> frozenset[DatabaseObject]:
    """Return the declared objects, with those of accepted names as they are in the database, or without them."""
    if not accepted:
        return frozenset(declared)
    left_out = {item for item in declared if _is_accepted(item, accepted)}
    existing = {item for item in found if _is_accepted(item, accepted)}
    missing = left_out - {item for item in left_out if item.identity in {other.identity for other in existing}}
    # A privilege or a comment cannot be on an object that is missing.
    kept = {item for item in declared - left_out if not any(is_attached(item, other) for other in missing)} | existing
    by_identity = {item.identity: item for item in kept}
    for item in found:
        wanted = by_identity.get(item.identity)
        if isinstance(item, Grant):
            had = wanted.privileges if isinstance(wanted, Grant) else ()
            extra = _accepted_privileges(item, set(item.privileges) - set(had), accepted)
            if extra:
                by_identity[item.identity] = replace(item, privileges=(*had, *extra))
    return frozenset(by_identity.values())


def drop_accepted(upgrade: ops.UpgradeOps, accepted: Accepted) -> None:
    """Remove the operations on accepted tables, columns, indexes and constraints."""
    if not accepted:
        return
    for op in upgrade.ops:
        if isinstance(op, ops.ModifyTableOps):
            op.ops[:] = [each for each in op.ops if not accepted & {*_names(each)}]
    upgrade.ops[:] = [
        op
        for op in upgrade.ops
        if not accepted & {*_names(op)} and not (isinstance(op, ops.ModifyTableOps) and not op.ops)
    ]


def _is_accepted(item: DatabaseObject, accepted: Accepted) -> bool:
    if isinstance(item, RowSecurity):
        return f"row security of table {item.schema}.{item.table}" in accepted
    return name_of(item) in accepted


def _accepted_privileges(item: Grant, extra: set[str], accepted: Accepted) -> set[str]:
    """Return those of the extra privileges that are waived, together or one by one."""
    if extra and name_of(replace(item, privileges=tuple(extra))) in accepted:
        return extra
    return {one for one in extra if name_of(replace(item, privileges=(one,))) in accepted}


def _names(op: MigrateOperation) -> Iterator[str]:
    """Yield the names that the audit has for the object of an operation."""
    match op:
        case ops.CreateTableOp() | ops.DropTableOp():
            yield f"table {op.schema or 'public'}.{op.table_name}"
        case ops.AddColumnOp():
            yield f"column {op.schema or 'public'}.{op.table_name}.{op.column.name}"
        case ops.DropColumnOp() | ops.AlterColumnOp():
            yield f"column {op.schema or 'public'}.{op.table_name}.{op.column_name}"
        case ops.CreateIndexOp() | ops.DropIndexOp():
            yield f"index {op.schema or 'public'}.{op.index_name}"
        case ops.AddConstraintOp():
            constraint = op.to_constraint()
            table = getattr(op, "table_name", None) or getattr(op, "source_table", "")
            yield f"constraint {getattr(op, 'schema', None) or 'public'}.{table}.{constraint.name}"
        case SQLOp():
            yield op.about
        case ops.DropConstraintOp():
            yield f"constraint {op.schema or 'public'}.{op.table_name}.{op.constraint_name}"
