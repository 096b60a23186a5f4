"""What autogenerate writes: readable, importing nothing but `op`, and meaning what was found."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, UserDefinedType

from tenantry.migrations.operations import (
    CreateExtensionOp,
    CreateFunctionOp,
    CreatePolicyOp,
    CreateRoleOp,
    CreateTriggerOp,
    DisableRowSecurityOp,
    DropExtensionOp,
    DropFunctionOp,
    DropPolicyOp,
    DropRoleOp,
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
    Trigger,
)

PREDICATE = "((tenant_id)::text = ( SELECT NULLIF(current_setting('app.tenant'::text, true), ''::text) AS \"nullif\"))"
BODY = "\nBEGIN\n    RAISE NOTICE '% \"quoted\" \\n', 1;\n\n    RETURN NEW;\nEND;\n"

POLICY = Policy("tenant", "items", ("app",), PREDICATE, PREDICATE)
FUNCTION = Function("find", BODY, "text", "a text, b text", execute=("app", "b"), search_path="", options=("STRICT",))
SCHEMA = Grant("app", ("USAGE",), "other", kind="SCHEMA")
COLUMN = Grant("app", ("SELECT",), "items", column="name", grantable=True)
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
    (GrantOp(COLUMN), COLUMN),
    (GrantOp(SCHEMA), SCHEMA),
]

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


class Odd(UserDefinedType[str]):
    cache_ok = True


def test_a_decorated_type_is_written_as_what_the_database_has() -> None:
    """A revision must still run when the application's type is gone."""
    assert render_item("type", Sealed(), CONTEXT) == "sa.Text()"
    assert render_item("type", sa.String(3), CONTEXT) is False
    assert render_item("server_default", None, CONTEXT) is False


def test_of_a_foreign_type_the_module_is_imported() -> None:
    context: Any = SimpleNamespace(opts={}, imports=set())
    assert render_item("type", Odd(), context) is False
    assert context.imports == {f"import {Odd.__module__}"}
