"""What one run of migrations has done so far, so that the error of a failing revision can say what it changed."""

from __future__ import annotations

from typing import Any

from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection, event

__all__ = ["Progress"]


class Progress:
    """Watches a run.

    Attributes:
        steps: the revisions whose operations have run. The last of them may have failed at its COMMIT.
        statement: the last statement of the run.
        is_partial: a part of the running revision is committed, because the revision left its transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self.steps: list[str] = []
        self.statement = ""
        self.is_partial = False
        self._is_at_end = False
        event.listen(connection, "before_cursor_execute", self._on_statement)
        event.listen(connection, "commit", self._on_commit)
        self._connection = connection

    def close(self) -> None:
        """Stop watching."""
        event.remove(self._connection, "before_cursor_execute", self._on_statement)
        event.remove(self._connection, "commit", self._on_commit)

    def apply_version(self, step: MigrationInfo) -> None:
        """Note that a revision's operations have run; Alembic calls it before the COMMIT."""
        self.steps.append(step.up_revision_id or "")
        self._is_at_end = True

    def _on_statement(self, _connection: Connection, _cursor: Any, statement: str, *_others: Any) -> None:
        self.statement = statement
        if self._connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            self.is_partial = True

    def _on_commit(self, _connection: Connection) -> None:
        # The COMMIT after `apply_version` ends the revision. Another COMMIT is that of `autocommit_block()`.
        self.is_partial = not self._is_at_end
        self._is_at_end = False
