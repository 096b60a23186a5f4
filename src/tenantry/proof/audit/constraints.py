"""Constraints: primary and unique keys, checks and references, by name and by what they say."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import CheckConstraint, Constraint, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import AddConstraint

from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.references import is_across
from tenantry.proof.audit.snapshot import Key, Row, Snapshot, key_of
from tenantry.sql import identifier, qualified

__all__ = ["check_constraints"]

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def check_constraints(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the constraints that are missing, other than declared, not proven, or undeclared."""
    across = {
        (row["schema"], row["table"], row["name"]) for row in snapshot.facts["references"] if is_across(row, snapshot)
    }
    for key, (table, declaration) in snapshot.tables.items():
        if key not in snapshot.relations:
            continue
        found = snapshot.rows("constraints", key)
        declared = {name: item for item in table.constraints if (name := _name_of(item))}
        for name, item in declared.items():
            yield from _declared(item, name, key, found.get(name), snapshot)
        tenant = declaration.tenant_column if declaration.kind.is_isolated else None
        for name in found.keys() - declared.keys():
            if (*key, name) not in across:
                yield from _undeclared(found[name], key, tenant)


def _declared(item: Constraint, name: str, key: Key, row: Row | None, snapshot: Snapshot) -> Iterator[Draft]:
    thing = f"constraint {'.'.join((*key, name))}"
    dropped = f"ALTER TABLE {qualified(*key)} DROP CONSTRAINT {identifier(name)}"
    if row is None:
        yield draft("constraint_missing", thing, "The constraint is declared, and does not exist.", _creation(item))
    elif not _says_the_same(item, key, row, snapshot):
        message = f"The constraint is not as declared: {row['definition']}."
        yield draft("constraint_altered", thing, message, dropped, _creation(item))
    elif not row["is_proven"]:
        message = "The constraint was never validated, or is not enforced: rows may break it."
        remedy = f"ALTER TABLE {qualified(*key)} VALIDATE CONSTRAINT {identifier(name)}"
        yield draft("constraint_unproven", thing, message, remedy)


def _creation(item: Constraint) -> str:
    return str(AddConstraint(item, isolate_from_table=False).compile(dialect=_DIALECT)).strip()


def _says_the_same(item: Constraint, key: Key, row: Row, snapshot: Snapshot) -> bool:
    if isinstance(item, CheckConstraint):
        declared = str(item.sqltext.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
        return row["kind"] == "c" and snapshot.comparison.is_same(key, declared, row["expression"])
    if isinstance(item, PrimaryKeyConstraint | UniqueConstraint):
        kind = "p" if isinstance(item, PrimaryKeyConstraint) else "u"
        return (row["kind"], row["columns"]) == (kind, [column.name for column in item.columns])
    if isinstance(item, ForeignKeyConstraint):
        actions = [(action or "NO ACTION").upper() for action in (item.ondelete, item.onupdate)]
        return (
            row["kind"] == "f"
            and row["columns"] == [element.parent.name for element in item.elements]
            and row["target"] == ".".join(key_of(item.referred_table))
            and row["target_columns"] == [element.column.name for element in item.elements]
            and [_ACTIONS[row["on_delete"]], _ACTIONS[row["on_update"]]] == actions
        )
    # What else there is, such as EXCLUDE, is compared by its kind alone.
    return not isinstance(item, ExcludeConstraint) or row["kind"] == "x"


def _undeclared(row: Row, key: Key, tenant: str | None) -> Iterator[Draft]:
    """Yield the constraint; a reference without the tenant is found by `references`, with what it reaches."""
    thing = f"constraint {'.'.join((*key, row['name']))}"
    dropped = f"ALTER TABLE {qualified(*key)} DROP CONSTRAINT {identifier(row['name'])}"
    if tenant is not None and row["kind"] in {"p", "u", "x"} and tenant not in row["columns"]:
        message = f"No model declares {row['definition']}. A unique key across tenants tells of hidden rows."
        yield draft("unique_undeclared", thing, message, dropped)
    else:
        yield draft("constraint_undeclared", thing, f"No model declares {row['definition']}.", dropped)


def _name_of(item: Constraint) -> str:
    """Return the name that the constraint has in the database; '' where only the database knows it."""
    if item.name is None:
        return ""
    formatted = _DIALECT.identifier_preparer.format_constraint(item)
    return str(formatted or "").strip('"')
