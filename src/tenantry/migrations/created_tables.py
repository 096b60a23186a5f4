"""The tables that a service's revisions create, read from their files without running them.

A table that is in the database and in no model is either a former model's, or it belongs to another program. Only the
first may be dropped, and a revision contains its `op.create_table`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from alembic.script import ScriptDirectory

__all__ = ["created_tables"]


def created_tables(scripts: ScriptDirectory) -> frozenset[tuple[str, str]]:
    """Return schema and name of each table in an `op.create_table`, and under its later name in `op.rename_table`."""
    paths = {Path(script.path) for script in scripts.walk_revisions()}
    return frozenset(table for path in paths for table in _tables(ast.parse(path.read_text(encoding="utf-8"))))


def _tables(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        position = {"create_table": 0, "rename_table": 1}.get(call.func.attr)
        names = {keyword.arg: keyword.value for keyword in call.keywords}
        name = call.args[position] if position is not None and len(call.args) > position else None
        schema = names.get("schema", ast.Constant("public"))
        if isinstance(name, ast.Constant) and isinstance(schema, ast.Constant):
            yield str(schema.value or "public"), str(name.value)
