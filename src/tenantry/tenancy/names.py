"""The names that a service chooses must be names in PostgreSQL, unchanged.

PostgreSQL cuts a name at 63 bytes without an error, so two names could become one. A name that the toolkit makes of
others is shortened (`tenantry.sql.shortened`); a name that a model gives is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import ForeignKeyConstraint, MetaData, Table
from sqlalchemy.exc import NoReferenceError
from sqlalchemy.sql.elements import conv

from tenantry import errors
from tenantry.sql import LONGEST_NAME
from tenantry.tenancy.partitions import partition_tables
from tenantry.tenancy.sequences import DEFAULT_SCHEMA

__all__ = ["check_name", "check_names"]

# What SQLAlchemy cannot write or read in a foreign key: it joins the names of a target by dots, and splits lists of
# columns at commas.
_SEPARATORS = (".", ",")


class _Name(NamedTuple):
    """A name, and the object that has it."""

    name: str
    owner: str


def check_names(metadata: MetaData) -> None:
    """Check the names of schemas, tables, columns, types, sequences, indexes and constraints.

    Raises:
        DeclarationError: PostgreSQL would change or refuse a name, or a foreign key could not be compared.
    """
    for name, owner in _names(metadata):
        check_name(name, owner)
    for schema in sorted({table.schema for table in metadata.tables.values() if table.schema}):
        if schema.startswith("pg_") or schema == "information_schema":
            raise errors.DeclarationError(
                f"A table is in the schema {schema!r}.",
                why="PostgreSQL reserves this name for its own schemas.",
                remedy="Choose another name for the schema.",
            )
    partitions = partition_tables(metadata)
    seen: set[tuple[str, str]] = set()
    for table in metadata.tables.values():
        key = (table.schema or DEFAULT_SCHEMA, table.name)
        if key in seen:
            raise errors.DeclarationError(
                f"Two models have the table {'.'.join(key)!r}.",
                why=f"A table without a schema is in the schema {DEFAULT_SCHEMA!r}.",
                remedy="Choose another name or another schema for one of the two tables.",
            )
        seen.add(key)
        if key in partitions:
            raise errors.DeclarationError(
                f"Table {table.name!r} has the name of a partition of another table.",
                why="The partitions of a table get its name with `_p` and a number.",
                remedy="Choose another name for one of the two tables.",
            )
        for constraint in table.foreign_key_constraints:
            _check_reference(table, constraint)


def check_name(name: str, owner: str) -> None:
    """Check one name; `owner` describes the object that has it.

    Raises:
        DeclarationError: PostgreSQL would change or refuse the name.
    """
    size = len(name.encode())
    if size > LONGEST_NAME:
        raise errors.DeclarationError(
            f"The name {name!r} of {owner} is {size} bytes long.",
            why=f"PostgreSQL would cut it to {LONGEST_NAME} bytes.",
            remedy=f"Choose a name of at most {LONGEST_NAME} bytes.",
        )
    if not name.isprintable():
        raise errors.DeclarationError(
            f"The name {name!r} of {owner} contains a control character.",
            remedy="Choose a name of printable characters.",
        )


def _names(metadata: MetaData) -> Iterator[_Name]:
    for sequence in metadata._sequences.values():  # noqa: SLF001  # SQLAlchemy has no public name
        yield _Name(sequence.name, "a sequence")
    for table in metadata.tables.values():
        owner = f"table {table.name!r}"
        yield _Name(table.name, "a table")
        if table.schema is not None:
            yield _Name(table.schema, f"the schema of {owner}")
        for column in table.columns:
            yield _Name(column.name, f"a column of {owner}")
            if isinstance(type_name := getattr(column.type, "name", None), str):
                yield _Name(type_name, f"the type of a column of {owner}")
        for kind, items in (("an index", table.indexes), ("a constraint", table.constraints)):
            for item in items:
                if isinstance(item.name, str):
                    yield _Name(_written(item.name), f"{kind} of {owner}")


def _check_reference(table: Table, constraint: ForeignKeyConstraint) -> None:
    try:
        target = constraint.referred_table
    except NoReferenceError:
        # `reference_rules` refuses it.
        return
    columns = [name for element in constraint.elements for name in (element.parent.name, element.column.name)]
    for name in (target.schema or "", target.name, *columns):
        if any(separator in name for separator in _SEPARATORS):
            raise errors.DeclarationError(
                f"A foreign key of table {table.name!r} uses the name {name!r}.",
                why="SQLAlchemy and Alembic cannot write or read a foreign key whose names contain a dot or a comma.",
                remedy="Choose a name without dots and commas, or remove the foreign key.",
            )


def _written(name: str) -> str:
    """Return the name as SQLAlchemy writes it: it cuts a name of a naming convention, and counts characters."""
    is_cut = isinstance(name, conv) and len(name) > LONGEST_NAME
    return f"{name[: LONGEST_NAME - 8]}_0000" if is_cut else name
