"""What autogenerate writes: readable, importing nothing but `op`, and meaning what was found."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from tenantry.migrations.operations import (
    AlterSequenceOp,
    CreateExtensionOp,
    CreateFunctionOp,
    CreatePolicyOp,
    CreateRoleOp,
    CreateSequenceOp,
    CreateSerialOp,
    CreateTriggerOp,
    DisableRowSecurityOp,
    DropExtensionOp,
    DropFunctionOp,
    DropPolicyOp,
    DropRoleOp,
    DropSerialOp,
    DropTriggerOp,
    EnableRowSecurityOp,
    GrantOp,
    ObjectOp,
    RevokeOp,
)
from tenantry.migrations.render import render_item, render_operation
from tenantry.postgres.objects import (
    DatabaseObject,
    Extension,
    Function,
    Grant,
    Policy,
    Role,
    RowSecurity,
    Sequence,
    Serial,
    Trigger,
)

PREDICATE = "((tenant_id)::text = ( SELECT NULLIF(current_setting('app.tenant'::text, true), ''::text) AS \"nullif\"))"
BODY = "\nBEGIN\n    RAISE NOTICE '% \"quoted\" \\n', 1;\n\n    RETURN NEW;\nEND;\n"

POLICY = Policy("tenant", "items", ("app",), PREDICATE, PREDICATE)
FUNCTION = Function("find", BODY, "text", "a text, b text", execute=("app", "b"), search_path="", options=("STRICT",))
SCHEMA = Grant("app", ("USAGE",), "other", kind="SCHEMA")
COLUMN = Grant("app", ("SELECT",), "items", column="name", grantable=True)
ODD = Sequence("Odd", "other", "smallint", 3, 2, 1, 99, 5, cycle=True)
SERIAL = Serial("t", "c", "n", "bigint", "other")
TRIGGER = Trigger("t", "items", "f", "AFTER", ("DELETE",), "STATEMENT", "true", "other", ("a",), "x", "DISABLE")

WRITTEN: list[tuple[ObjectOp, str]] = [
    (CreateRoleOp(Role("app", login=True)), 'op.create_role("app", login=True)'),
    (DropRoleOp(Role("app", login=True)), 'op.drop_role("app")'),
    (CreateExtensionOp(Extension("vector")), 'op.create_extension("vector")'),
    (DropExtensionOp(Extension("vector")), 'op.drop_extension("vector")'),
    (DropFunctionOp(FUNCTION), 'op.drop_function("find", arguments="a text, b text")'),
    (DropTriggerOp(TRIGGER), 'op.drop_trigger("t", "items", schema="other")'),
    (DropPolicyOp(POLICY), 'op.drop_policy("tenant", "items")'),
    (EnableRowSecurityOp(RowSecurity("items")), 'op.enable_row_security("items")'),
    (EnableRowSecurityOp(RowSecurity("items", forced=False)), 'op.enable_row_security("items", forced=False)'),
    (
        DisableRowSecurityOp(RowSecurity("items", "other", enabled=False, forced=False)),
        'op.disable_row_security("items", schema="other")',
    ),
    (DisableRowSecurityOp(RowSecurity("items", enabled=False)), 'op.disable_row_security("items", forced=True)'),
    (GrantOp(SCHEMA), 'op.grant("app", ["USAGE"], "other", kind="SCHEMA")'),
    (RevokeOp(SCHEMA), 'op.revoke("app", ["USAGE"], "other", kind="SCHEMA")'),
    (GrantOp(COLUMN), 'op.grant("app", ["SELECT"], "items", column="name", grantable=True)'),
    (RevokeOp(COLUMN), 'op.revoke("app", ["SELECT"], "items", column="name")'),
    (CreateSequenceOp(Sequence("n")), 'op.create_sequence("n")'),
    (CreateSequenceOp(Sequence("n", increment=-1, cycle=True)), 'op.create_sequence("n", increment=-1, cycle=True)'),
    (
        AlterSequenceOp(Sequence("n", "s", "integer", 5, maximum=9)),
        'op.alter_sequence("n", schema="s", data_type="integer", start=5, maximum=9)',
    ),
    (CreateSerialOp(Serial("t", "c", "t_c_seq")), 'op.create_serial("t", "c", "t_c_seq")'),
    (
        CreateSerialOp(Serial("t", "c", "t_c_seq", "bigint", "s")),
        'op.create_serial("t", "c", "t_c_seq", data_type="bigint", schema="s")',
    ),
    (DropSerialOp(Serial("t", "c", "t_c_seq", "bigint", "s")), 'op.drop_serial("t", "c", "t_c_seq", schema="s")'),
    (
        CreatePolicyOp(Policy("p", "items", ("app",), "true", None, "SELECT", permissive=False)),
        'op.create_policy("p", "items", roles=["app"], using="true", command="SELECT", permissive=False)',
    ),
]

# Operations whose call holds the whole object.
WHOLE: list[tuple[ObjectOp, DatabaseObject]] = [
    (CreatePolicyOp(POLICY), POLICY),
    (CreateFunctionOp(FUNCTION), FUNCTION),
    (CreateTriggerOp(TRIGGER), TRIGGER),
    (CreateSequenceOp(ODD), ODD),
    (AlterSequenceOp(ODD), ODD),
    (CreateSerialOp(SERIAL), SERIAL),
    (GrantOp(COLUMN), COLUMN),
    (GrantOp(SCHEMA), SCHEMA),
]

OPTIONS = {
    "render_item": render_item,
    "sqlalchemy_module_prefix": "sa.",
    "alembic_module_prefix": "op.",
    "user_module_prefix": None,
}
CONTEXT: Any = SimpleNamespace(opts={}, imports=set())


def call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the call that a text is, as (name, positional, keywords)."""
    expression = ast.parse(text, mode="eval").body
    assert isinstance(expression, ast.Call)
    positional = [ast.literal_eval(value) for value in expression.args]
    keywords = {word.arg or "": ast.literal_eval(word.value) for word in expression.keywords}
    return ast.unparse(expression.func), positional, keywords


@pytest.mark.parametrize(("operation", "text"), WRITTEN, ids=lambda item: str(item)[:60])
def test_a_short_call_stands_on_one_line_and_says_only_what_is_no_default(operation: ObjectOp, text: str) -> None:
    assert render_operation(CONTEXT, operation) == text


@pytest.mark.parametrize(("operation", "item"), WHOLE)
def test_the_call_makes_the_object_again(operation: ObjectOp, item: DatabaseObject) -> None:
    """Also where long texts were cut into pieces."""
    made: list[ObjectOp] = []
    _, positional, keywords = call(render_operation(CONTEXT, operation))
    getattr(type(operation), operation.verb)(SimpleNamespace(invoke=made.append), *positional, **keywords)
    assert [each.item for each in made] == [item]


@pytest.mark.parametrize("operation", [CreatePolicyOp(POLICY), CreateFunctionOp(FUNCTION)])
def test_a_long_call_has_one_argument_a_line_and_no_long_line(operation: ObjectOp) -> None:
    """No string spans lines: Alembic indents every line, also those inside of strings."""
    text = render_operation(CONTEXT, operation)
    assert max(map(len, text.splitlines())) <= 116
    indented = "\n".join(f"    {line}".rstrip() for line in text.splitlines()).strip()
    assert call(indented) == call(text)
    assert "'''" not in text
    assert '"""' not in text


def test_a_body_is_written_line_by_line() -> None:
    text = render_operation(CONTEXT, CreateFunctionOp(FUNCTION))
    assert '        "BEGIN\\n"\n' in text
    assert '        "END;\\n"\n    ),\n' in text


def test_the_prefix_is_alembics() -> None:
    context: Any = SimpleNamespace(opts={"alembic_module_prefix": "o."})
    assert render_operation(context, DropRoleOp(Role("a"))) == 'o.drop_role("a")'


class Sealed(TypeDecorator[str]):
    impl = sa.Text
    cache_ok = True


class Counted(TypeDecorator[int]):
    impl = sa.Integer
    cache_ok = True


class Odd(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_keywords: Any) -> str:
        return "odd"


@pytest.mark.parametrize(
    ("kind", "text", "imports"),
    [
        (Sealed(), "sa.Text()", set()),
        (sa.String(3), "sa.String(length=3)", set()),
        (sa.Interval(), "postgresql.INTERVAL()", {"from sqlalchemy.dialects import postgresql"}),
        (sa.ARRAY(Sealed()), "sa.ARRAY(sa.Text())", set()),
        (VECTOR(3), "pgvector.sqlalchemy.VECTOR(dim=3)", {"import pgvector.sqlalchemy"}),
        (Odd(), f"{Odd.__module__}.Odd()", {f"import {Odd.__module__}"}),
    ],
    ids=repr,
)
def test_a_type_is_written_as_what_the_database_has(kind: TypeEngine[Any], text: str, imports: set[str]) -> None:
    """A revision must still run when the application's type is gone; what it names, it imports."""
    context: Any = SimpleNamespace(opts={}, imports=set())
    assert render_item("type", kind, context) == text
    assert context.imports == imports


def test_all_else_is_alembics_to_write() -> None:
    assert render_item("server_default", None, CONTEXT) is False
    assert render_item("column", sa.Column("id", sa.Integer, primary_key=True, default=7), CONTEXT) is False


@pytest.mark.parametrize("kind", [sa.Integer, Counted], ids=["plain", "decorated"])
@pytest.mark.parametrize("default", [7, sa.Sequence("numbers"), sa.func.now])
def test_a_key_that_python_gives_is_not_made_serial(kind: Any, default: Any) -> None:
    """A script does not say the default, and without one SQLAlchemy would take the key for serial."""
    column = sa.Table("t", sa.MetaData(), sa.Column("id", kind, default=default, primary_key=True)).c.id
    context: Any = AutogenContext(MigrationContext.configure(dialect_name="postgresql"), opts=OPTIONS)
    assert (
        render_item("column", column, context) == "sa.Column('id', sa.Integer(), autoincrement=False, nullable=False)"
    )
    assert column.autoincrement == "auto"
