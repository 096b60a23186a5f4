"""Changes of a schema: one table before and after."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from schema_members import table
from sqlalchemy import Column, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import DOMAIN, ExcludeConstraint

__all__ = ["CHANGES", "OTHER_ID", "Change"]

Parts = Callable[[], Sequence[Any]]


@dataclasses.dataclass(frozen=True)
class Change:
    """A table before and after, with a row that both can hold.

    Attributes:
        before: a function that returns columns, constraints and indexes.
        after: the same for the later state.
        row: SQL of columns and values of an INSERT before the change; '' for defaults only.
        written: a part of the upgrade.
        since: the first version of PostgreSQL that has it.
        extensions: what the server must have.
        options: options of the table before and after.
        also: a definition of another table, which stays.
    """

    name: str
    before: Parts
    after: Parts
    row: str = ""
    written: str = ""
    since: int = 15
    extensions: tuple[str, ...] = ()
    options: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def __str__(self) -> str:
        return self.name

    @property
    def table(self) -> str:
        """The name of the table."""
        return f"{self.name}_rows"

    def define(self, base: type[Any], *, is_after: bool) -> None:
        """Declare the table on a base class in one of its states."""
        parts = (self.after if is_after else self.before)()
        table(*parts, name=self.table, **self.options[is_after])(base)


def column(kind: Any, *rest: Any, **options: Any) -> Parts:
    return lambda: (
        Column("value", kind() if callable(kind) and not isinstance(kind, type) else kind, *rest, **options),
    )


def enum(*values: str, **options: Any) -> Parts:
    name = options.pop("name")
    return lambda: (Column("value", sa.Enum(*values, name=name), **options),)


def with_value(*parts: Callable[[], Any], kind: Any = sa.Integer) -> Parts:
    return lambda: (Column("value", kind), *(part() for part in parts))


def check(sql: str) -> Callable[[], Any]:
    return lambda: sa.CheckConstraint(sql, name="c")


def index(*parts: Any, **options: Any) -> Callable[[], Any]:
    return lambda: Index("ix_v", *parts, **options)


def domain(**options: Any) -> Parts:
    name = options.pop("name")
    return lambda: (Column("value", DOMAIN(name, sa.Integer, **options)),)


def generated(sql: str, **options: Any) -> Parts:
    return lambda: (Column("base", sa.Integer), Column("value", sa.Integer, sa.Computed(sql, **options)))


def reference(**options: Any) -> Parts:
    return lambda: (
        Column("value", sa.Uuid),
        ForeignKeyConstraint(["tenant_id", "value"], ["others.tenant_id", "others.id"], name="fk", **options),
    )


# The id of the row that references refer to.
OTHER_ID = "00000000-0000-0000-0000-000000000001"
OTHER = f"value:'{OTHER_ID}'"

NOTHING: Parts = lambda: ()  # noqa: E731
UNIQUE = ("tenant_id", "value")

CHANGES = [
    # Enums.
    Change("enum_added_last", enum("a", "b", name="e1"), enum("a", "b", "c", name="e1"), "value:'a'", "alter_enum"),
    Change("enum_added_first", enum("a", "b", name="e2"), enum("z", "y", "a", "b", name="e2"), "value:'a'"),
    Change("enum_added_within", enum("a", "b", name="e3"), enum("a", "c", "d", "b", name="e3"), "value:'a'"),
    Change("enum_removed", enum("a", "b", name="e4"), enum("a", name="e4"), "value:'a'"),
    Change("enum_reordered", enum("a", "b", name="e5"), enum("b", "a", name="e5"), "value:'a'"),
    Change("enum_replaced", enum("a", "b", name="e6"), enum("a", "c", name="e6"), "value:'a'"),
    Change(
        "enum_default_new",
        enum("a", "b", name="e7", server_default="a"),
        enum("a", "b", "c", name="e7", server_default="c"),
        written="rebuild=True",
    ),
    Change(
        "enum_default_gone",
        enum("a", "b", "c", name="e8", server_default="a"),
        enum("b", "c", name="e8", server_default="b"),
        "value:'b'",
    ),
    Change(
        "enum_array",
        lambda: (Column("value", postgresql.ARRAY(sa.Enum("a", "b", name="e9"))),),
        lambda: (Column("value", postgresql.ARRAY(sa.Enum("a", "c", name="e9"))),),
        "value:'{a,a}'",
    ),
    Change(
        "enum_used",
        lambda: (
            Column("value", sa.Enum("a", "b", "c", name="e10"), server_default="a"),
            Column("again", sa.Enum("a", "b", "c", name="e10")),
            check("value <> 'c'")(),
            sa.CheckConstraint("value <> again", name="d"),
            Index("ix_a", "tenant_id", postgresql_where=text("value = 'a'")),
            UniqueConstraint("tenant_id", "value"),
        ),
        lambda: (
            Column("value", sa.Enum("c", "a", name="e10"), server_default="a"),
            Column("again", sa.Enum("c", "a", name="e10")),
            check("value <> 'c'")(),
            sa.CheckConstraint("value <> again", name="d"),
            Index("ix_a", "tenant_id", postgresql_where=text("value = 'a'")),
            UniqueConstraint("tenant_id", "value"),
        ),
        "value:'a'",
    ),
    Change("enum_from_text", column(sa.Text), enum("a", "b", name="e11"), "value:'a'", "postgresql_using"),
    Change("enum_to_text", enum("a", "b", name="e12"), column(sa.Text), "value:'a'", "drop_enum"),
    Change("enum_to_enum", enum("a", "b", name="e13"), enum("a", "c", name="e14"), "value:'a'"),
    Change("enum_column_added", NOTHING, enum("a", name="e15"), written="create_enum"),
    Change(
        "enum_native",
        lambda: (Column("value", sa.Enum("a", "b", name="k", native_enum=False, create_constraint=True)),),
        lambda: (Column("value", sa.Enum("a", "c", name="k", native_enum=False, create_constraint=True)),),
        "value:'a'",
    ),
    Change(
        "checked_column_added",
        NOTHING,
        lambda: (Column("value", sa.Enum("a", "b", name="k", native_enum=False, create_constraint=True)),),
    ),
    # Domains.
    Change("domain_check", domain(name="d1", check="VALUE > 0"), domain(name="d1", check="VALUE % 2 = 0"), "value:2"),
    Change("domain_check_added", domain(name="d2"), domain(name="d2", check="VALUE > 0"), "value:2"),
    Change("domain_default", domain(name="d3"), domain(name="d3", default=text("5")), "value:2"),
    Change("domain_not_null", domain(name="d4"), domain(name="d4", not_null=True), "value:2"),
    Change("domain_column", column(sa.Integer), domain(name="d5", check="VALUE > 0"), "value:2", "create_domain"),
    # Types.
    Change("type_wider", column(sa.String(20)), column(sa.String(40)), "value:'x'"),
    Change("type_bigint", column(sa.Integer), column(sa.BigInteger), "value:1"),
    Change("type_text_to_integer", column(sa.Text), column(sa.Integer), "value:'1'", "postgresql_using"),
    Change("type_default", column(sa.Text, server_default="1"), column(sa.Integer, server_default="1"), "value:'7'"),
    Change("type_default_gone", column(sa.Text, server_default="1"), column(sa.Integer), "value:'7'"),
    Change("type_boolean_to_integer", column(sa.Boolean), column(sa.Integer), "value:true"),
    Change("type_json", column(postgresql.JSON), column(postgresql.JSONB), "value:'{}'"),
    Change(
        "type_text_to_array", column(postgresql.ARRAY(sa.Text)), column(postgresql.ARRAY(sa.Integer)), "value:'{1}'"
    ),
    Change("type_numeric", column(sa.Numeric(10, 2)), column(sa.Numeric(12, 4)), "value:1"),
    Change("type_interval", column(sa.Interval), column(postgresql.INTERVAL(fields="DAY TO SECOND")), "value:'1 day'"),
    Change("type_precision", column(sa.DateTime), column(postgresql.TIMESTAMP(precision=3)), "value:'2026-01-01'"),
    Change(
        "type_dimensions",
        column(postgresql.ARRAY(sa.Integer, dimensions=1)),
        column(postgresql.ARRAY(sa.Integer, dimensions=2)),
        "value:'{}'",
    ),
    Change("collation", column(sa.String(9)), column(sa.String(9, collation="C")), "value:'x'"),
    Change("collation_gone", column(sa.Text(collation="C")), column(sa.Text(collation="POSIX")), "value:'x'"),
    # Defaults, NOT NULL, comments.
    Change("default_added", column(sa.Text), column(sa.Text, server_default="it's 100%"), "value:'x'"),
    Change("default_removed", column(sa.Text, server_default="':x'"), column(sa.Text), "value:'x'"),
    Change("default_changed", column(sa.Integer, server_default="1"), column(sa.Integer, server_default=text("2 + 3"))),
    Change(
        "default_colon", column(sa.Text, server_default=text("'\\:a'")), column(sa.Text, server_default=text("'\\:b'"))
    ),
    Change("not_null", column(sa.Text), column(sa.Text, nullable=False), "value:'x'"),
    Change("comment", column(sa.Text, comment="a"), column(sa.Text, comment="it's 100%: b")),
    Change("comment_gone", column(sa.Text, comment="a"), column(sa.Text)),
    Change("table_comment", NOTHING, NOTHING, options=({"comment": "a"}, {"comment": "it's :b"})),
    Change(
        "table_storage",
        NOTHING,
        NOTHING,
        options=({"postgresql_with": {"fillfactor": 50}}, {"postgresql_with": {"autovacuum_enabled": False}}),
    ),
    Change("table_storage_gone", NOTHING, NOTHING, options=({"postgresql_with": {"fillfactor": 50}}, {})),
    # Generated columns.
    Change(
        "computed_expression", generated("base * 2", persisted=True), generated("base * 3", persisted=True), "base:3"
    ),
    Change(
        "computed_to_plain",
        generated("base * 2", persisted=True),
        lambda: (Column("base", sa.Integer), Column("value", sa.Integer)),
        "base:3",
    ),
    Change(
        "computed_from_plain",
        lambda: (Column("base", sa.Integer), Column("value", sa.Integer)),
        generated("base * 2", persisted=True),
        "base:3",
    ),
    Change(
        "computed_stored",
        generated("base * 2", persisted=False),
        generated("base * 2", persisted=True),
        "base:3",
        since=18,
    ),
    Change(
        "computed_used",
        lambda: (*generated("base * 2", persisted=True)(), check("value > 1")(), index("tenant_id", "value")()),
        lambda: (*generated("base * 3", persisted=True)(), check("value > 1")(), index("tenant_id", "value")()),
        "base:3",
    ),
    Change("identity_added", column(sa.Integer, nullable=False), column(sa.Integer, sa.Identity()), "value:7"),
    Change("identity_added_nullable", column(sa.Integer), column(sa.Integer, sa.Identity(always=True)), "value:7"),
    Change("identity_removed", column(sa.Integer, sa.Identity()), column(sa.Integer), ""),
    Change("identity_always", column(sa.Integer, sa.Identity()), column(sa.Integer, sa.Identity(always=True))),
    Change(
        "identity_options",
        column(sa.Integer, sa.Identity()),
        column(sa.Integer, sa.Identity(start=5, increment=3, cache=2, cycle=True, maxvalue=99)),
    ),
    Change("identity_type", column(sa.Integer, sa.Identity()), column(sa.BigInteger, sa.Identity())),
    Change(
        "identity_from_default",
        column(sa.Integer, nullable=False, server_default="3"),
        column(sa.Integer, sa.Identity()),
    ),
    # Constraints.
    Change("check_changed", with_value(check("value > 0")), with_value(check("value % 5 > 0")), "value:3"),
    Change("check_added", with_value(), with_value(check("value <> 9 OR '\\:x' = '\\:x'")), "value:3"),
    Change("check_removed", with_value(check("value > 0")), with_value(), "value:3"),
    Change("unique_added", with_value(), with_value(lambda: UniqueConstraint(*UNIQUE)), "value:3"),
    Change("unique_removed", with_value(lambda: UniqueConstraint(*UNIQUE)), with_value(), "value:3"),
    Change(
        "unique_deferrable",
        with_value(lambda: UniqueConstraint(*UNIQUE)),
        with_value(lambda: UniqueConstraint(*UNIQUE, deferrable=True, initially="DEFERRED")),
        "value:3",
    ),
    Change(
        "unique_nulls",
        with_value(lambda: UniqueConstraint(*UNIQUE)),
        with_value(lambda: UniqueConstraint(*UNIQUE, postgresql_nulls_not_distinct=True)),
        "value:3",
    ),
    Change(
        "unique_include",
        with_value(lambda: UniqueConstraint("tenant_id", "id")),
        with_value(lambda: UniqueConstraint("tenant_id", "id", postgresql_include=["value"])),
        "value:3",
    ),
    Change("reference_added", with_value(kind=sa.Uuid), reference()),
    Change("reference_cascade", reference(), reference(ondelete="CASCADE", onupdate="RESTRICT")),
    Change("reference_set_null", reference(), reference(ondelete="SET NULL (value)")),
    Change("reference_full", reference(), reference(match="FULL"), OTHER),
    Change("reference_deferrable", reference(), reference(deferrable=True, initially="DEFERRED")),
    Change("reference_removed", reference(deferrable=True, match="FULL"), with_value(kind=sa.Uuid), OTHER),
    Change(
        "exclusion_added",
        with_value(kind=postgresql.TSTZRANGE),
        with_value(lambda: ExcludeConstraint(("tenant_id", "="), ("value", "&&"), name="x"), kind=postgresql.TSTZRANGE),
        extensions=("btree_gist",),
    ),
    Change(
        "exclusion_changed",
        with_value(lambda: ExcludeConstraint(("tenant_id", "="), ("value", "&&"), name="y"), kind=postgresql.TSTZRANGE),
        with_value(
            lambda: ExcludeConstraint(("tenant_id", "="), ("value", "&&"), name="y", where=text("NOT isempty(value)")),
            kind=postgresql.TSTZRANGE,
        ),
        extensions=("btree_gist",),
    ),
    # Indexes.
    Change(
        "index_where", with_value(index("tenant_id")), with_value(index("tenant_id", postgresql_where="value % 2 = 0"))
    ),
    Change(
        "index_where_changed",
        with_value(index("tenant_id", postgresql_where=text("value > 0"))),
        with_value(index("tenant_id", postgresql_where=text("value > 1"))),
    ),
    Change("index_order", with_value(index("tenant_id", "value")), with_value(index("tenant_id", text("value DESC")))),
    Change(
        "index_nulls",
        with_value(index("tenant_id", text("value DESC"))),
        with_value(index("tenant_id", text("value DESC NULLS LAST"))),
    ),
    Change(
        "index_expression",
        with_value(index("tenant_id", text("abs(value)"))),
        with_value(
            index("tenant_id", text("abs(value) % 7")) if False else index("tenant_id", text("(abs(value) % 7)"))
        ),
    ),
    Change(
        "index_include", with_value(index("tenant_id")), with_value(index("tenant_id", postgresql_include=["value"]))
    ),
    Change("index_method", with_value(index("value")), with_value(index("value", postgresql_using="hash"))),
    Change(
        "index_class",
        with_value(index("value"), kind=sa.Text),
        with_value(index("value", postgresql_ops={"value": "text_pattern_ops"}), kind=sa.Text),
    ),
    Change(
        "index_collated",
        with_value(index("tenant_id", "value"), kind=sa.Text),
        with_value(index("tenant_id", text('value COLLATE "C"')), kind=sa.Text),
    ),
    Change("index_storage", with_value(index("value")), with_value(index("value", postgresql_with={"fillfactor": 60}))),
    Change(
        "index_unique_nulls",
        with_value(index("tenant_id", "value", unique=True)),
        with_value(index("tenant_id", "value", unique=True, postgresql_nulls_not_distinct=True)),
    ),
    Change(
        "index_dropped",
        with_value(index("tenant_id", text("value DESC"), postgresql_where=text("value <> 5"))),
        with_value(),
    ),
    # Columns.
    Change(
        "column_dropped",
        lambda: (Column("value", sa.Text(collation="C"), server_default="it's", nullable=False),),
        NOTHING,
    ),
    Change("column_dropped_interval", column(postgresql.INTERVAL(fields="YEAR")), NOTHING, "value:'1 year'"),
    Change(
        "column_dropped_computed",
        generated("base * 2", persisted=True),
        lambda: (Column("base", sa.Integer),),
        "base:3",
    ),
    Change("column_dropped_checked", with_value(check("value > 0"), index("tenant_id", "value")), NOTHING, "value:3"),
]
