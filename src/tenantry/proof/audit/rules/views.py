"""Views and materialized views: PostgreSQL applies the policies of their tables to the view's owner, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.dependencies import is_attached
from tenantry.postgres.objects import Grant, View
from tenantry.proof.audit.differences import altered, describe_difference, missing
from tenantry.proof.audit.relations import DECLARE, revoke_all, undeclared_relations
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import qualified

_NOUNS = {"v": "view", "m": "materialized view", "f": "foreign table"}


@rule(
    "TN601",
    "error",
    reason="A view without it reads with its owner's rights, and shows the rows of all tenants.",
    remedy="Set security_invoker on the view.",
)
def view_open(snapshot: Snapshot) -> Iterator[Violation]:
    """A view that the application can read has security_invoker."""
    for row in undeclared_relations(snapshot, "v"):
        if row["is_reachable"] and not row["is_invoker"]:
            application = snapshot.service.roles.application
            message = f"{application} can reach the view, which reads with the rights of its owner {row['owner']}."
            remedy = f"ALTER VIEW {qualified(row['schema'], row['name'])} SET (security_invoker = true)"
            yield violation(_object(row), message, remedy)


@rule(
    "TN602",
    "error",
    reason="A materialized view holds the rows of all tenants, and can have no policy.",
    remedy="Revoke every privilege on the materialized view.",
)
def materialized_view_open(snapshot: Snapshot) -> Iterator[Violation]:
    """The application can read no materialized view."""
    for row in undeclared_relations(snapshot, "m"):
        if row["is_reachable"]:
            application = snapshot.service.roles.application
            message = f"{application} can read the materialized view, which holds rows of all tenants without policies."
            yield violation(_object(row), message, revoke_all(row, snapshot))


@rule(
    "TN604",
    "info",
    reason="The service's team has not reviewed which rows it joins, and the next GRANT opens it.",
    remedy="Declare the view, or a grant on it, in `Service(objects=[...])`, or move it to a schema of its own.",
)
def view_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """The declared schemas have no undeclared view. A declared grant on a view declares the view."""
    granted = {(item.schema, item.name) for item in snapshot.declared if isinstance(item, Grant | View)}
    for row in undeclared_relations(snapshot, "vmf"):
        # Other rules report those that the application can reach and that no policy protects.
        is_open = row["is_reachable"] and not (row["kind"] == "v" and row["is_invoker"])
        is_declared = (row["schema"], row["name"]) in granted
        if row["schema"] in snapshot.schemas and not is_open and not is_declared:
            yield violation(_object(row), f"No model declares the {_NOUNS[row['kind']]}.", DECLARE)


@rule(
    "TN610",
    "error",
    reason="Requests and reports that read the view fail.",
    remedy="Create the view as the service declares it.",
)
def view_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared view exists."""
    for item in missing(snapshot, View):
        yield violation(item, f"The {item} is declared and does not exist.", *item.create())


@rule(
    "TN611",
    "error",
    reason="The view shows other rows, or reads with other rights.",
    remedy="Drop the view, and create it with the privileges, triggers and comment on it.",
)
def view_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared view is exactly as declared."""
    for item, found in altered(snapshot, View):
        message = f"The {item} was altered: {describe_difference(item, found)}."
        attached = sorted(other for other in snapshot.objects if is_attached(other, found))
        restored = (statement for other in attached for statement in other.create())
        yield violation(item, message, *found.drop(), *item.create(), *restored)


def _object(row: Row) -> str:
    return f"{_NOUNS[row['kind']]} {row['schema']}.{row['name']}"
