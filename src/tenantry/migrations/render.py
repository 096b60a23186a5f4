"""Write Tenantry's operations into revision files, in readable form.

A call is on one line, or has one argument on each line. Long texts are split at their line breaks or at spaces. No
string constant spans lines, because Alembic indents the text. A revision imports only `op`, and modules of column
types.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any, Literal

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _alter_column, _render_column, _render_gen_name
from sqlalchemy import CheckConstraint, Column, Computed, DefaultClause, Integer, Table
from sqlalchemy.types import TypeEngine

from tenantry.migrations.column_types import write_type
from tenantry.migrations.operations import ObjectOp
from tenantry.migrations.operations.found import AlterTypeOp, SQLOp
from tenantry.postgres.tables.compiling import as_sql, is_serial, resolve
from tenantry.postgres.tables.found import escape_colons

__all__ = ["render_item", "render_operation"]

# Upgrade and downgrade are functions, whose bodies Alembic indents by four.
LINE_LENGTH = 120 - 4
INDENT = "    "


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Write types, defaults and checks as PostgreSQL has them; Alembic writes everything else.

    Raises:
        MigrationError: no expression creates the same column.
    """
    if kind == "type" and isinstance(item, TypeEngine):
        return write_type(item, context)
    if kind == "server_default":
        return _render_default(item)
    if kind == "check" and isinstance(item, CheckConstraint):
        return _render_check(item, context)
    if kind == "column" and isinstance(item, Column) and _would_become_serial(item):
        # A copy, so that the model does not change. `_render_column` calls this function again for the copy, which is
        # not in a table, so that the condition is then False.
        written = item._copy()  # noqa: SLF001  # Alembic uses it too
        written.autoincrement = False
        return str(_render_column(written, context))
    return False


def _render_default(default: Any) -> str | Literal[False]:
    """Write a default so that the script has the same text: Alembic removes quotes, and escapes no colon."""
    if isinstance(default, Computed):
        persisted = "" if default.persisted is None else f", persisted={default.persisted}"
        return f"sa.Computed({escape_colons(as_sql(default.sqltext))!r}{persisted})"
    if isinstance(default, DefaultClause):
        if isinstance(default.arg, str):
            return repr(str(default.arg))
        return f"sa.text({escape_colons(as_sql(default.arg))!r})"
    return False


def _render_check(item: CheckConstraint, context: AutogenContext) -> str | Literal[False]:
    sql = as_sql(item.sqltext)
    if escape_colons(sql) == sql or getattr(item, "_type_bound", False):
        return False
    name = "" if item.name is None else f", name={_render_gen_name(context, item.name)!r}"
    return f"sa.CheckConstraint({escape_colons(sql)!r}{name})"


def _would_become_serial(column: Column[Any]) -> bool:
    """Return True if the script would make the column serial, although the model's column is not.

    The column's value comes from Python or from a declared sequence, which the script does not contain.
    """
    return (
        isinstance(column.table, Table)
        and column.primary_key
        and column.default is not None
        and column.autoincrement is not False
        and isinstance(resolve(column.type), Integer)
        and not is_serial(column)
    )


@renderers.dispatch_for(ObjectOp)
def render_operation(context: AutogenContext, operation: ObjectOp) -> str:
    """Return the operation's call in a script."""
    return _call(context, operation.verb, operation.written())


@renderers.dispatch_for(SQLOp)
def render_statement(context: AutogenContext, operation: SQLOp) -> str:
    """Return the call that executes a statement."""
    return _call(context, "execute", [("", escape_colons(operation.sqltext))])


@renderers.dispatch_for(AlterTypeOp)
def render_type_change(context: AutogenContext, operation: AlterTypeOp) -> str:
    """Return the call that changes a type, with USING where PostgreSQL does not convert the values unasked."""
    call = _alter_column(context, operation)
    using = f",\n           postgresql_using={_quote(operation.using)})" if operation.using else ")"
    return call.removesuffix(")") + using


def _call(context: AutogenContext, verb: str, written: Iterable[tuple[str, Any]]) -> str:
    call = f"{context.opts.get('alembic_module_prefix') or 'op.'}{verb}"
    arguments = [(f"{name}=" if name else "", value) for name, value in written]
    line = f"{call}({', '.join(f'{name}{_literal(value)}' for name, value in arguments)})"
    if len(line) <= LINE_LENGTH and "\\n" not in line:
        return line
    lines = "".join(f"{INDENT}{_argument(name, value)},\n" for name, value in arguments)
    return f"{call}(\n{lines})"


def _argument(name: str, value: Any) -> str:
    written = f"{name}{_literal(value)}"
    if not isinstance(value, str) or (len(INDENT) + len(written) < LINE_LENGTH and "\n" not in value):
        return written
    pieces = "".join(f"{INDENT * 2}{_quote(piece)}\n" for piece in _pieces(value))
    return f"{name}(\n{pieces}{INDENT})"


def _pieces(value: str) -> list[str]:
    """Split a text into pieces whose concatenation is the text."""
    if "\n" in value:
        return value.splitlines(keepends=True)
    width = LINE_LENGTH - len(INDENT) * 2 - 16
    cut = textwrap.wrap(value, width, break_long_words=False, break_on_hyphens=False, drop_whitespace=False)
    return cut if "".join(cut) == value else [value]


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_literal(each) for each in value)}]"
    return repr(value)


def _quote(text: str) -> str:
    """Quote with double quotes, unless single quotes need fewer backslashes."""
    written = repr(text)
    if written[0] == '"' or text.count('"') > text.count("'"):
        return written
    return '"' + written[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
