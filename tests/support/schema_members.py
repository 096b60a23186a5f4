"""Members of a schema, each a table with one thing of a kind: types, defaults, checks, indexes, generated columns."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import sqlalchemy as sa
from pgvector import sqlalchemy as pgvector
from schema_lab import Define
from sqlalchemy import Column, Index, func, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import DOMAIN, ExcludeConstraint
from sqlalchemy.orm import mapped_column
from sqlalchemy.sql.elements import quoted_name

from tenantry import SQLType, TenantScoped

__all__ = ["MEMBERS", "Member", "table"]


@dataclasses.dataclass(frozen=True)
class Member:
    """One table; `rows` are the columns and the values of a row that a tenant inserts.

    Attributes:
        parts: a function that returns fresh columns, constraints and indexes.
        row: SQL for column and value pairs of an INSERT; '' for defaults only.
        extensions: what the server must have.
        since: the first version of PostgreSQL that has it.
    """

    name: str
    parts: Callable[[], Sequence[Any]]
    columns: str = "value"
    row: str = ""
    extensions: tuple[str, ...] = ()
    since: int = 15

    def __str__(self) -> str:
        return self.name

    @property
    def table(self) -> str:
        """The name of the table, which needs no quotes."""
        return f"{self.name}_rows"

    def define(self, base: type[Any]) -> None:
        """Declare the table, which has the member's name, on a base class."""
        table(*self.parts(), name=self.table)(base)


def table(*parts: Any, name: str = "things", schema: str | None = None, **options: Any) -> Define:
    """Return a function that declares a tenant's table with these columns, constraints and indexes."""

    def define(base: type[Any]) -> None:
        # Copies, because a test can declare a state more than once.
        columns = {part.name: part._copy() for part in parts if isinstance(part, Column)}
        rest = [deepcopy(part) for part in parts if not isinstance(part, Column)]
        for index in (part for part in rest if isinstance(part, Index)):
            # The names of indexes are those of their schema.
            index.name = quoted_name(f"{index.name}_{name}", quote=None)
        given = {"schema": schema, **options} if schema else options
        fields: dict[str, Any] = {
            "__tablename__": name,
            "__table_args__": (sa.PrimaryKeyConstraint("tenant_id", "id"), *rest, given),
            "__annotations__": {},
            "id": mapped_column(sa.Uuid(), server_default=func.gen_random_uuid()),
            **columns,
        }
        type(name.title(), (TenantScoped, base), fields)

    return define


class Color(enum.Enum):
    """An enum of Python."""

    RED = "r"
    GREEN = "g"


class Guid(sa.TypeDecorator[Any]):
    """A type that is another one on PostgreSQL."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return PostgreSQL's own type."""
        return dialect.type_descriptor(sa.Uuid() if dialect.name == "postgresql" else sa.CHAR(32))


def typed(name: str, kind: Callable[[], Any], sample: str, **options: Any) -> Member:
    return Member(name, lambda: (Column("value", kind()),), row=sample, **options)


def default(name: str, kind: Any, given: Any) -> Member:
    return Member(name, lambda: (Column("value", kind, server_default=given),), columns="")


MONEY = lambda: DOMAIN("money_amount", sa.Numeric(12, 2), check=text("VALUE >= 0"), default=text("0"))  # noqa: E731

MEMBERS = [
    # Types.
    typed("text", sa.Text, "'x'"),
    typed("varchar", lambda: sa.String(20), "'x'"),
    typed("varchar_collated", lambda: sa.String(20, collation="C"), "'x'"),
    typed("char", lambda: sa.CHAR(3), "'abc'"),
    typed("numeric", sa.Numeric, "1.5"),
    typed("numeric_scaled", lambda: sa.Numeric(12, 4), "1.5"),
    typed("float", sa.Float, "1.5"),
    typed("float24", lambda: sa.Float(24), "1.5"),
    typed("float53", lambda: sa.Float(53), "1.5"),
    typed("double", sa.Double, "1.5"),
    typed("real", sa.REAL, "1.5"),
    typed("smallint", sa.SmallInteger, "1"),
    typed("bigint", sa.BigInteger, "1"),
    typed("boolean", sa.Boolean, "true"),
    typed("boolean_constrained", lambda: sa.Boolean(create_constraint=True, name="flag"), "true"),
    typed("interval", sa.Interval, "'1 day'"),
    typed("interval_native", lambda: postgresql.INTERVAL(fields="DAY TO SECOND", precision=3), "'1 day'"),
    typed("interval_fields", lambda: postgresql.INTERVAL(fields="YEAR TO MONTH"), "'1 year'"),
    typed("interval_precision", lambda: postgresql.INTERVAL(precision=2), "'1 day'"),
    typed("timestamp", sa.DateTime, "now()"),
    typed("timestamptz", lambda: sa.DateTime(timezone=True), "now()"),
    typed("timestamp_precision", lambda: postgresql.TIMESTAMP(timezone=True, precision=3), "now()"),
    typed("time_precision", lambda: postgresql.TIME(precision=0), "now()"),
    typed("date", sa.Date, "now()"),
    typed("uuid", sa.Uuid, "gen_random_uuid()"),
    typed("bytea", sa.LargeBinary, "'x'"),
    typed("jsonb", postgresql.JSONB, "'{}'"),
    typed("json", sa.JSON, "'{}'"),
    typed("inet", postgresql.INET, "'10.0.0.1'"),
    typed("cidr", postgresql.CIDR, "'10.0.0.0/8'"),
    typed("bit", lambda: postgresql.BIT(3), "B'101'"),
    typed("varbit", lambda: postgresql.BIT(5, varying=True), "B'101'"),
    typed("tsvector", postgresql.TSVECTOR, "'a b'"),
    typed("array", lambda: postgresql.ARRAY(sa.Integer), "'{1,2}'"),
    typed("array_2d", lambda: postgresql.ARRAY(sa.Integer, dimensions=2), "'{{1},{2}}'"),
    typed("array_varchar", lambda: sa.ARRAY(sa.String(8)), "'{a}'"),
    typed("array_collated", lambda: sa.ARRAY(sa.String(8, collation="C")), "'{a}'"),
    typed("range", postgresql.TSTZRANGE, "'[2026-01-01,2026-02-01)'"),
    typed("multirange", postgresql.INT4MULTIRANGE, "'{[1,3)}'"),
    typed("decorated", Guid, "gen_random_uuid()"),
    typed("variant", lambda: sa.Text().with_variant(postgresql.JSONB(), "postgresql"), "'{}'"),
    typed("money", postgresql.MONEY, "1"),
    typed("oid", postgresql.OID, "1"),
    typed("sql_type", lambda: SQLType("point"), "'(1,2)'"),
    typed("citext", postgresql.CITEXT, "'A'", extensions=("citext",)),
    typed("hstore", postgresql.HSTORE, "'a=>1'", extensions=("hstore",)),
    typed("vector", lambda: pgvector.VECTOR(3), "'[1,2,3]'", extensions=("vector",)),
    # Enums and domains.
    typed("enum", lambda: sa.Enum("red", "green", name="color"), "'red'"),
    typed("enum_of_python", lambda: sa.Enum(Color, name="color_of_python"), "'RED'"),
    typed(
        "enum_values",
        lambda: sa.Enum(Color, values_callable=lambda kind: [one.value for one in kind], name="color_value"),
        "'r'",
    ),
    typed("enum_array", lambda: postgresql.ARRAY(sa.Enum("red", "green", name="color")), "'{red}'"),
    typed("enum_uncreated", lambda: postgresql.ENUM("red", "green", name="color", create_type=False), "'red'"),
    typed("enum_quoted", lambda: sa.Enum("it's", 'a "b"', "50%", ":c", name="Color Of"), "'it''s'"),
    typed("enum_text", lambda: sa.Enum("red", "green", name="color", native_enum=False), "'red'"),
    typed(
        "enum_text_checked",
        lambda: sa.Enum("red", "green", name="color", native_enum=False, create_constraint=True),
        "'red'",
    ),
    typed("domain", MONEY, "1.5"),
    typed("domain_named", lambda: DOMAIN("pos", sa.Integer, constraint_name="above", check="VALUE > 0"), "1"),
    typed("domain_not_null", lambda: DOMAIN("word", sa.String(9), not_null=True), "'x'"),
    typed("domain_text", lambda: DOMAIN("mail", sa.Text, check="VALUE LIKE '%@%' AND VALUE <> ':x'"), "'a@b'"),
    typed("domain_of_enum", lambda: DOMAIN("hue", sa.Enum("red", "green", name="color")), "'red'"),
    typed("domain_collated", lambda: DOMAIN("code", sa.Text, collation="C"), "'x'"),
    Member(
        "enum_default",
        lambda: (Column("value", sa.Enum("red", "green", name="color"), server_default="red", nullable=False),),
        columns="",
    ),
    Member(
        "enum_checked",
        lambda: (
            Column("value", sa.Enum("red", "green", name="color")),
            sa.CheckConstraint("value <> 'green'", name="no_green"),
            Index("ix_red", "tenant_id", postgresql_where=text("value = 'red'")),
        ),
        row="'red'",
    ),
    # Defaults.
    default("default_text", sa.Text, "plain"),
    default("default_percent", sa.Text, "100%"),
    default("default_quote", sa.Text, "it's new"),
    default("default_backslash", sa.Text, "a\\b"),
    default("default_colon", sa.Text, text("'a:b \\:c'")),
    default("default_quoted", sa.Text, "'both'"),
    default("default_empty", sa.Text, ""),
    default("default_integer", sa.Integer, "100"),
    default("default_negative", sa.Integer, text("-1")),
    default("default_numeric", sa.Numeric(10, 2), "1.50"),
    default("default_boolean", sa.Boolean, sa.false()),
    default("default_boolean_text", sa.Boolean, "true"),
    default("default_date", sa.Date, "2026-01-02"),
    default("default_timestamp", sa.DateTime(timezone=True), func.now()),
    default("default_clock", sa.DateTime(timezone=True), text("clock_timestamp() + interval '1 day'")),
    default("default_interval", sa.Interval, "1 day"),
    default("default_interval_sql", sa.Interval, text("'1 day'::interval")),
    default("default_uuid", sa.Uuid, text("gen_random_uuid()")),
    default("default_json", postgresql.JSONB, "{}"),
    default("default_json_sql", postgresql.JSONB, text("'{\"a\"\\: 1}'::jsonb")),
    default("default_array", postgresql.ARRAY(sa.Text), "{}"),
    default("default_array_sql", postgresql.ARRAY(sa.Text), text("ARRAY['a']::text[]")),
    default("default_bytes", sa.LargeBinary, text("'\\x00'::bytea")),
    default("default_expression", sa.Text, func.lower("ABC")),
    default("default_cast", sa.Integer, sa.cast("5", sa.Integer)),
    # Checks.
    Member(
        "check_like", lambda: (Column("value", sa.Text), sa.CheckConstraint("value LIKE '%@%'", name="mail")), row="'@'"
    ),
    Member(
        "check_modulo", lambda: (Column("value", sa.Integer), sa.CheckConstraint("value % 2 = 0", name="even")), row="2"
    ),
    Member(
        "check_colon", lambda: (Column("value", sa.Text), sa.CheckConstraint("value <> '\\:x'", name="c")), row="'x'"
    ),
    Member(
        "check_in",
        lambda: (Column("value", sa.String(5)), sa.CheckConstraint("value IN ('a', 'b')", name="c")),
        row="'a'",
    ),
    Member(
        "check_expression",
        lambda: ((column := Column("value", sa.Text)), sa.CheckConstraint(column.in_(["a%", "it's"]), name="c")),
        row="'a%'",
    ),
    Member(
        "check_unnamed_between",
        lambda: (Column("value", sa.Integer), sa.CheckConstraint("value BETWEEN 1 AND 3", name="b")),
        row="2",
    ),
    # Indexes.
    Member(
        "index_desc", lambda: (Column("value", sa.Integer), Index("ix_v", "tenant_id", text("value DESC"))), row="1"
    ),
    Member(
        "index_nulls",
        lambda: (Column("value", sa.Integer), Index("ix_v", "tenant_id", text("value DESC NULLS LAST"))),
        row="1",
    ),
    Member(
        "index_asc_first",
        lambda: (Column("value", sa.Integer), Index("ix_v", "tenant_id", text("value NULLS FIRST"))),
        row="1",
    ),
    Member(
        "index_desc_column",
        lambda: ((column := Column("value", sa.Integer)), Index("ix_v", "tenant_id", column.desc().nulls_last())),
        row="1",
    ),
    Member(
        "index_lower", lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", text("lower(value)"))), row="'x'"
    ),
    Member(
        "index_like",
        lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", text("(value LIKE '%@%')"))),
        row="'x'",
    ),
    Member(
        "index_where_text",
        lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", postgresql_where="value LIKE '%:x'")),
        row="'x'",
    ),
    Member(
        "index_where",
        lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", postgresql_where=text("value LIKE 'a%'"))),
        row="'x'",
    ),
    Member(
        "index_class",
        lambda: (
            Column("value", sa.Text),
            Index("ix_v", "tenant_id", "value", postgresql_ops={"value": "text_pattern_ops"}),
        ),
        row="'x'",
    ),
    Member(
        "index_class_text",
        lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", text("lower(value) text_pattern_ops DESC"))),
        row="'x'",
    ),
    Member(
        "index_collated",
        lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", text('value COLLATE "C"'))),
        row="'x'",
    ),
    Member(
        "index_include",
        lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", postgresql_include=["value"])),
        row="'x'",
    ),
    Member(
        "index_with",
        lambda: (Column("value", sa.Text), Index("ix_v", "tenant_id", "value", postgresql_with={"fillfactor": 70})),
        row="'x'",
    ),
    Member(
        "index_gin",
        lambda: (
            Column("value", postgresql.JSONB),
            Index("ix_v", "value", postgresql_using="gin", postgresql_ops={"value": "jsonb_path_ops"}),
        ),
        row="'{}'",
    ),
    Member(
        "index_brin",
        lambda: (
            Column("value", sa.Integer),
            Index("ix_v", "value", postgresql_using="brin", postgresql_with={"pages_per_range": 32}),
        ),
        row="1",
    ),
    Member(
        "index_not_distinct",
        lambda: (
            Column("value", sa.Integer),
            Index("ix_v", "tenant_id", "value", unique=True, postgresql_nulls_not_distinct=True),
        ),
        row="1",
    ),
    Member(
        "index_trigram",
        lambda: (Column("value", sa.Text), Index("ix_v", text("value gin_trgm_ops"), postgresql_using="gin")),
        row="'x'",
        extensions=("pg_trgm",),
    ),
    # Generated columns.
    Member("identity", lambda: (Column("value", sa.Integer, sa.Identity()),), columns=""),
    Member(
        "identity_always",
        lambda: (Column("value", sa.BigInteger, sa.Identity(always=True, start=100, increment=5)),),
        columns="",
    ),
    Member(
        "identity_cycle",
        lambda: (Column("value", sa.SmallInteger, sa.Identity(minvalue=1, maxvalue=9, cycle=True, cache=3)),),
        columns="",
    ),
    Member(
        "computed",
        lambda: (Column("base", sa.Integer), Column("value", sa.Integer, sa.Computed("base * 2 % 7", persisted=True))),
        columns="base",
        row="3",
    ),
    Member(
        "computed_virtual",
        lambda: (Column("base", sa.Integer), Column("value", sa.Integer, sa.Computed("base * 2 % 7", persisted=False))),
        columns="base",
        row="3",
        since=18,
    ),
    Member(
        "computed_tsvector",
        lambda: (
            Column("body", sa.Text),
            Column(
                "value", postgresql.TSVECTOR, sa.Computed("to_tsvector('english', coalesce(body, ''))", persisted=True)
            ),
            Index("ix_search", "value", postgresql_using="gin"),
        ),
        columns="body",
        row="'a b'",
    ),
    Member(
        "computed_colon",
        lambda: (Column("base", sa.Text), Column("value", sa.Text, sa.Computed("base || '\\:x'", persisted=True))),
        columns="base",
        row="'x'",
    ),
    # Constraints.
    Member("unique", lambda: (Column("value", sa.Integer), sa.UniqueConstraint("tenant_id", "value")), row="1"),
    Member(
        "unique_deferred",
        lambda: (
            Column("value", sa.Integer),
            sa.UniqueConstraint("tenant_id", "value", deferrable=True, initially="DEFERRED"),
        ),
        row="1",
    ),
    Member(
        "unique_not_distinct",
        lambda: (
            Column("value", sa.Integer),
            sa.UniqueConstraint("tenant_id", "value", postgresql_nulls_not_distinct=True),
        ),
        row="1",
    ),
    Member(
        "unique_include",
        lambda: (
            Column("value", sa.Integer),
            sa.UniqueConstraint("tenant_id", postgresql_include=["value"], name="one"),
        ),
        row="1",
    ),
    Member(
        "exclusion",
        lambda: (
            Column("value", postgresql.TSTZRANGE),
            ExcludeConstraint(("tenant_id", "="), ("value", "&&"), name="no_overlap", where=text("NOT isempty(value)")),
        ),
        row="'[2026-01-01,2026-02-01)'",
        extensions=("btree_gist",),
    ),
    Member(
        "exclusion_class",
        lambda: (
            Column("value", sa.Text),
            ExcludeConstraint(
                ("tenant_id", "="), ("value", "="), name="same", using="gist", ops={"value": "gist_text_ops"}
            ),
        ),
        row="'x'",
        extensions=("btree_gist",),
    ),
    Member("comment", lambda: (Column("value", sa.Text, comment='It\'s 100% "ours": yes'),), row="'x'"),
]
