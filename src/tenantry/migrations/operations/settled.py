"""Create an object so that its text stays the same when it is created again from the server's text.

PostgreSQL prints `title IN ('a', 'b')` of a varchar column in one way, and the printed text, read and printed again, in
another. A downgrade creates an object from the printed text. So the object is created again from that text until the
text is stable, and then every later creation from it is exact. `pg_dump` does the same to a text once.
"""

from __future__ import annotations

from alembic.operations import Operations

from tenantry.migrations.operations.base import run_statements
from tenantry.postgres.catalog import read_objects
from tenantry.postgres.objects import Policy, Trigger, View

__all__ = ["create_settled"]

# The second text is stable in every known case.
ROUNDS = 3


def create_settled(operations: Operations, item: Policy | Trigger | View) -> None:
    """Create the object, and create it again while the server prints another text for it."""
    run_statements(operations, *item.create())
    if operations.migration_context.as_sql:
        return
    for _ in range(ROUNDS):
        objects = read_objects(operations.get_bind(), item.schema, {item.noun})
        (found,) = (other for other in objects if other.identity == item.identity)
        assert isinstance(found, Policy | Trigger | View)
        if found == item:
            return
        run_statements(operations, *found.drop(), *found.create())
        item = found
