"""Declared objects against those in the database: which are missing, altered or undeclared.

Both sides are values of one vocabulary (`tenantry.postgres.objects`) in PostgreSQL's own spelling, so a difference
is a difference of two sets. Objects with the same identity and other fields are altered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar, cast

from tenantry.postgres.objects import DatabaseObject, HashPartitions, Policy, RowSecurity, Trigger
from tenantry.proof.audit.snapshot import Snapshot

__all__ = ["altered", "describe_difference", "missing", "undeclared"]

_Object = TypeVar("_Object", bound=DatabaseObject)


def missing(snapshot: Snapshot, kind: type[_Object]) -> Iterator[_Object]:
    """Yield the declared objects of a kind that do not exist."""
    there = {item.identity for item in snapshot.objects if isinstance(item, kind)}
    for item in snapshot.declared:
        if isinstance(item, kind) and item.identity not in there and not _is_on_a_missing_table(item, snapshot):
            yield item


def altered(snapshot: Snapshot, kind: type[_Object]) -> Iterator[tuple[_Object, _Object]]:
    """Yield the declared objects of a kind that exist and are different, each with the one that was found."""
    there = {item.identity: item for item in snapshot.objects if isinstance(item, kind)}
    for item in snapshot.declared:
        if isinstance(item, kind) and not _is_on_a_missing_table(item, snapshot):
            found = there.get(item.identity, item)
            if found != item:
                yield item, found


def undeclared(snapshot: Snapshot, kind: type[_Object]) -> Iterator[_Object]:
    """Yield the objects of a kind that exist and are not declared."""
    declared = {item.identity for item in snapshot.declared if isinstance(item, kind)}
    for item in snapshot.objects:
        if isinstance(item, kind) and item.identity not in declared:
            yield item


def describe_difference(item: DatabaseObject, found: DatabaseObject) -> str:
    """Name the fields that differ, with both values."""
    names = [field.name for field in dataclasses.fields(cast("Any", item))]
    pairs = ((name, getattr(item, name), getattr(found, name)) for name in names)
    return ", ".join(f"{name} is {there!r} instead of {wanted!r}" for name, wanted, there in pairs if wanted != there)


def _is_on_a_missing_table(item: DatabaseObject, snapshot: Snapshot) -> bool:
    """Return True if the missing table is the finding: its policies would only repeat it."""
    kinds = HashPartitions | RowSecurity | Policy | Trigger
    return isinstance(item, kinds) and (item.schema, item.table) not in snapshot.relations
