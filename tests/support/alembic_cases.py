"""Changes that Alembic's comparison has to find on PostgreSQL, each as one table before and after it.

The topics are those of Alembic's own tests of its comparison; the tables are ours. All cases of a topic are tables of
one schema, so that a topic is one migration.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent

__all__ = ["TOPICS", "Case", "write_models"]

_HEADER = """from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import Global, Shared, TenantBase, TenantScoped


class Base(TenantBase, DeclarativeBase):
    pass


class Parent(TenantScoped, Base):
    __tablename__ = "parents"
    __table_args__ = (sa.PrimaryKeyConstraint("tenant_id", "id"), sa.UniqueConstraint("tenant_id", "code"))
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(server_default=sa.func.gen_random_uuid())
    code: Mapped[str] = mapped_column(sa.String(20))


class Kind(Shared, Base):
    __tablename__ = "kinds"
    code: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
"""


@dataclass(frozen=True)
class Case:
    """One table of tenants before and after a change.

    Attributes:
        before: lines of the class, such as `c: Mapped[int]`.
        after: these lines after the change; None if the table is dropped.
        arguments: what `__table_args__` has besides the key, before and after.
        options: the last part of `__table_args__`, before and after.
    """

    name: str
    before: str | None
    after: str | None
    arguments: tuple[str, str] = ("", "")
    options: tuple[str, str] = ("", "")

    def write(self, number: int, *, is_after: bool) -> str:
        """Return the class."""
        lines = self.after if is_after else self.before
        if lines is None:
            return ""
        table = self.name.replace(" ", "_").replace("'", "")
        arguments, options = self.arguments[is_after], self.options[is_after]
        extra = f", {arguments}" if arguments else ""
        last = f", {{{options}}}" if options else ""
        body = (
            f'__tablename__ = "{table}"\n'
            "tenant_id: Mapped[str]\n"
            "id: Mapped[uuid.UUID] = mapped_column(server_default=sa.func.gen_random_uuid())\n"
            f"{lines}\n"
            f'__table_args__ = (sa.PrimaryKeyConstraint("tenant_id", "id"){extra}{last},)\n'
        )
        return f"class T{number}(TenantScoped, Base):\n{indent(body, '    ')}"


def write_models(cases: tuple[Case, ...], *, is_after: bool) -> str:
    """Return the source of the models of a topic."""
    extensions = 'EXTENSIONS = ("btree_gist",)' if cases is _EXCLUSIONS else ""
    return "\n\n".join(
        [_HEADER, extensions, *(case.write(number, is_after=is_after) for number, case in enumerate(cases))]
    )


_TEXT = "c: Mapped[str | None] = mapped_column()"
_NUMBER = "c: Mapped[int | None] = mapped_column()"
_REFERENCE = "c: Mapped[uuid.UUID | None]"


def _column(arguments: str, kind: str = "Any | None") -> str:
    return f"c: Mapped[{kind}] = mapped_column({arguments})"


def _reference(options: str = "", columns: str = '["tenant_id", "c"], ["parents.tenant_id", "parents.id"]') -> str:
    return f"sa.ForeignKeyConstraint({columns}{', ' if options else ''}{options})"


_TABLES = (
    Case("table added", None, _TEXT),
    Case("table dropped", _TEXT, None),
    Case("column added", "", _TEXT),
    Case("column dropped", _TEXT, ""),
    Case("column added not null", "", _column("sa.Integer, server_default='0'", "int")),
    Case("column replaced", _TEXT, "other: Mapped[str | None]"),
    Case("column becomes null", "c: Mapped[str]", _TEXT),
    Case("column becomes not null", _TEXT, "c: Mapped[str]"),
    Case("nothing changes", _TEXT, _TEXT),
)

_KINDS = (
    Case("varchar grows", _column("sa.String(20)"), _column("sa.String(40)")),
    Case("varchar shrinks", _column("sa.String(40)"), _column("sa.String(20)")),
    Case("varchar to text", _column("sa.String(20)"), _column("sa.Text")),
    Case("integer to bigint", _column("sa.Integer"), _column("sa.BigInteger")),
    Case("bigint to integer", _column("sa.BigInteger"), _column("sa.Integer")),
    Case("numeric precision", _column("sa.Numeric(10, 2)"), _column("sa.Numeric(12, 4)")),
    Case("numeric without precision", _column("sa.Numeric(10, 2)"), _column("sa.Numeric")),
    Case("timestamp precision", _column("pg.TIMESTAMP(precision=3)"), _column("pg.TIMESTAMP(precision=6)")),
    Case("time zone added", _column("sa.DateTime"), _column("sa.DateTime(timezone=True)")),
    Case("float to numeric", _column("sa.Float"), _column("sa.Numeric(10, 2)")),
    Case("array stays", _column("pg.ARRAY(sa.Integer)"), _column("pg.ARRAY(sa.Integer)")),
    Case("array of longer text", _column("pg.ARRAY(sa.String(10))"), _column("pg.ARRAY(sa.String(20))")),
    Case("uuid stays", _column("sa.Uuid"), _column("pg.UUID")),
    Case("char stays", _column("sa.CHAR(4)"), _column("sa.CHAR(4)")),
    Case("bytes stay", _column("sa.LargeBinary"), _column("pg.BYTEA")),
    Case("inet stays", _column("pg.INET"), _column("pg.INET")),
    Case("bit varying grows", _column("pg.BIT(4, varying=True)"), _column("pg.BIT(8, varying=True)")),
    Case("oid stays", _column("pg.OID"), _column("pg.OID")),
    Case("tsvector stays", _column("pg.TSVECTOR"), _column("pg.TSVECTOR")),
    Case("range stays", _column("pg.INT4RANGE"), _column("pg.INT4RANGE")),
    Case("json to jsonb", _column("sa.JSON"), _column("pg.JSONB")),
)

_DEFAULTS = (
    Case("default added", _column("sa.Integer"), _column("sa.Integer, server_default='5'")),
    Case("default dropped", _column("sa.Integer, server_default='5'"), _column("sa.Integer")),
    Case("default changed", _column("sa.Integer, server_default='5'"), _column("sa.Integer, server_default='7'")),
    Case("empty text added", _TEXT, _column("sa.Text, server_default=''")),
    Case("empty text dropped", _column("sa.Text, server_default=''"), _TEXT),
    Case("text stays", _column("sa.Text, server_default='a'"), _column("sa.Text, server_default=sa.text(\"'a'\")")),
    Case("text with a quote", _column("sa.Text"), _column('sa.Text, server_default="it\'s"')),
    Case("text with a percent sign", _column("sa.Text"), _column("sa.Text, server_default='50%'")),
    Case("text with a backslash", _column("sa.Text"), _column("sa.Text, server_default='a\\\\b'")),
    Case("number in two spellings", _column("sa.Float, server_default='1'"), _column("sa.Float, server_default='1.0'")),
    Case(
        "time of the transaction",
        _column("sa.DateTime, server_default=sa.func.now()"),
        _column("sa.DateTime, server_default=sa.text('now()')"),
    ),
    Case(
        "time of the statement",
        _column("sa.DateTime, server_default=sa.func.now()"),
        _column("sa.DateTime, server_default=sa.text('clock_timestamp()')"),
    ),
    Case(
        "date of today",
        _column("sa.Date"),
        _column("sa.Date, server_default=sa.text('CURRENT_DATE')"),
    ),
    Case("uuid by function", _column("sa.Uuid"), _column("sa.Uuid, server_default=sa.func.gen_random_uuid()")),
    Case(
        "true in two spellings",
        _column("sa.Boolean, server_default=sa.true()"),
        _column("sa.Boolean, server_default=sa.text('true')"),
    ),
    Case(
        "true to false",
        _column("sa.Boolean, server_default=sa.true()"),
        _column("sa.Boolean, server_default=sa.false()"),
    ),
    Case(
        "empty document",
        _column("pg.JSONB, server_default='{}'"),
        _column("pg.JSONB, server_default=sa.text(\"'{}'::jsonb\")"),
    ),
    Case(
        "document changes",
        _column("pg.JSONB, server_default='{}'"),
        _column('pg.JSONB, server_default=sa.text("\'{\\"a\\": 1}\'::jsonb")'),
    ),
    Case("empty json", _column("sa.JSON"), _column("sa.JSON, server_default='{}'")),
    Case(
        "empty array",
        _column("pg.ARRAY(sa.Text), server_default='{}'"),
        _column("pg.ARRAY(sa.Text), server_default=sa.text(\"'{}'::text[]\")"),
    ),
    Case("interval", _column("sa.Interval"), _column("sa.Interval, server_default=sa.text(\"'1 day'\")")),
    Case("concatenation", _column("sa.Text"), _column("sa.Text, server_default=sa.text(\"'a' || 'b'\")")),
    Case("cast", _column("sa.Numeric(8, 2)"), _column("sa.Numeric(8, 2), server_default=sa.text('0::numeric')")),
)

_INDEXES = (
    Case("index added", _TEXT, _TEXT, ("", 'sa.Index(None, "c")')),
    Case("index dropped", _TEXT, _TEXT, ('sa.Index(None, "c")', "")),
    Case("index flag added", _column("sa.Text"), _column("sa.Text, index=True")),
    Case("index renamed", _TEXT, _TEXT, ('sa.Index("ix_old", "c")', 'sa.Index("ix_new", "c")')),
    Case(
        "index becomes unique",
        _TEXT,
        _TEXT,
        ('sa.Index("ix_becomes", "tenant_id", "c")', 'sa.Index("ix_becomes", "tenant_id", "c", unique=True)'),
    ),
    Case(
        "index gets a column",
        _TEXT,
        _TEXT,
        ('sa.Index("ix_columns", "c")', 'sa.Index("ix_columns", "tenant_id", "c")'),
    ),
    Case(
        "index columns change places",
        _TEXT,
        _TEXT,
        ('sa.Index("ix_places", "c", "tenant_id")', 'sa.Index("ix_places", "tenant_id", "c")'),
    ),
    Case("expression added", _TEXT, _TEXT, ("", 'sa.Index("ix_lower", sa.func.lower(c))')),
    Case(
        "expression changed",
        _TEXT,
        _TEXT,
        ('sa.Index("ix_case", sa.func.lower(c))', 'sa.Index("ix_case", sa.func.upper(c))'),
    ),
    Case("expression as text", _TEXT, _TEXT, ("", 'sa.Index("ix_text", sa.text("coalesce(c, \'\')"))')),
    Case("expression with a cast", _NUMBER, _NUMBER, ("", 'sa.Index("ix_cast", sa.cast(c, sa.Text))')),
    Case("descending", _TEXT, _TEXT, ("", 'sa.Index("ix_desc", c.desc())')),
    Case("descending as text", _TEXT, _TEXT, ("", 'sa.Index("ix_desc_text", sa.text("c DESC"))')),
    Case("nulls first", _TEXT, _TEXT, ("", 'sa.Index("ix_nulls", c.nulls_first())')),
    Case(
        "partial added",
        _NUMBER,
        _NUMBER,
        ('sa.Index("ix_partial", "c")', 'sa.Index("ix_partial", "c", postgresql_where=sa.text("c > 0"))'),
    ),
    Case(
        "partial changed",
        _NUMBER,
        _NUMBER,
        (
            'sa.Index("ix_where", "c", postgresql_where=sa.text("c > 0"))',
            'sa.Index("ix_where", "c", postgresql_where=sa.text("c > 5"))',
        ),
    ),
    Case("include", _TEXT, _TEXT, ("", 'sa.Index("ix_include", "tenant_id", postgresql_include=["c"])')),
    Case("operator class", _TEXT, _TEXT, ("", 'sa.Index("ix_ops", "c", postgresql_ops={"c": "text_pattern_ops"})')),
    Case(
        "gin",
        _column("pg.JSONB"),
        _column("pg.JSONB"),
        ("", 'sa.Index("ix_gin", "c", postgresql_using="gin", postgresql_ops={"c": "jsonb_path_ops"})'),
    ),
    Case(
        "method changes",
        _NUMBER,
        _NUMBER,
        ('sa.Index("ix_method", "c")', 'sa.Index("ix_method", "c", postgresql_using="brin")'),
    ),
    Case(
        "fill factor",
        _NUMBER,
        _NUMBER,
        ("", 'sa.Index("ix_fill", "c", postgresql_with={"fillfactor": 50})'),
    ),
)

_UNIQUE = (
    Case("unique added", _TEXT, _TEXT, ("", 'sa.UniqueConstraint("tenant_id", "c")')),
    Case("unique dropped", _TEXT, _TEXT, ('sa.UniqueConstraint("tenant_id", "c")', "")),
    Case(
        "unique renamed",
        _TEXT,
        _TEXT,
        (
            'sa.UniqueConstraint("tenant_id", "c", name="uq_old")',
            'sa.UniqueConstraint("tenant_id", "c", name="uq_new")',
        ),
    ),
    Case(
        "constraint becomes an index",
        _TEXT,
        _TEXT,
        (
            'sa.UniqueConstraint("tenant_id", "c", name="uq_either")',
            'sa.Index("uq_either", "tenant_id", "c", unique=True)',
        ),
    ),
    Case(
        "unique gets a column",
        "c: Mapped[str]\nd: Mapped[str]",
        "c: Mapped[str]\nd: Mapped[str]",
        (
            'sa.UniqueConstraint("tenant_id", "c", name="uq_grows")',
            'sa.UniqueConstraint("tenant_id", "c", "d", name="uq_grows")',
        ),
    ),
    Case(
        "unique index and index of one column",
        _TEXT,
        _TEXT,
        ("", 'sa.Index("ix_one", "tenant_id", "c"), sa.UniqueConstraint("tenant_id", "c", name="uq_one")'),
    ),
    Case("column with its unique key dropped", _TEXT, "", ('sa.UniqueConstraint("tenant_id", "c")', "")),
    Case(
        "nulls not distinct",
        _TEXT,
        _TEXT,
        ("", 'sa.UniqueConstraint("tenant_id", "c", postgresql_nulls_not_distinct=True)'),
    ),
    Case(
        "deferrable",
        _TEXT,
        _TEXT,
        ("", 'sa.UniqueConstraint("tenant_id", "c", deferrable=True, initially="DEFERRED")'),
    ),
)

# The equality of texts in a GiST index is of the extension btree_gist.
_EXCLUSIONS = (
    Case(
        "exclusion added",
        _column("pg.INT4RANGE"),
        _column("pg.INT4RANGE"),
        ("", 'pg.ExcludeConstraint(("tenant_id", "="), ("c", "&&"), name="ex_added", using="gist")'),
    ),
    Case(
        "exclusion dropped",
        _column("pg.INT4RANGE"),
        _column("pg.INT4RANGE"),
        ('pg.ExcludeConstraint(("tenant_id", "="), ("c", "&&"), name="ex_dropped", using="gist")', ""),
    ),
)

_CHECKS = (
    Case("check added", _NUMBER, _NUMBER, ("", 'sa.CheckConstraint("c > 0", name="positive")')),
    Case("check dropped", _NUMBER, _NUMBER, ('sa.CheckConstraint("c > 0", name="positive")', "")),
    Case(
        "check changed",
        _NUMBER,
        _NUMBER,
        ('sa.CheckConstraint("c > 0", name="bound")', 'sa.CheckConstraint("c > 10", name="bound")'),
    ),
    Case(
        "check renamed",
        _NUMBER,
        _NUMBER,
        ('sa.CheckConstraint("c > 0", name="old")', 'sa.CheckConstraint("c > 0", name="new")'),
    ),
    Case("check with a pattern", _TEXT, _TEXT, ("", 'sa.CheckConstraint("c LIKE \'%@%\'", name="at")')),
    Case("check with a remainder", _NUMBER, _NUMBER, ("", 'sa.CheckConstraint("c % 2 = 0", name="even")')),
    Case("check with a list", _TEXT, _TEXT, ("", "sa.CheckConstraint(\"c IN ('a', 'b')\", name=\"known\")")),
    Case("check by an expression", _NUMBER, _NUMBER, ("", "sa.CheckConstraint(c.between(1, 5), name='range')")),
    Case("boolean with a check", "", _column("sa.Boolean(create_constraint=True, name='truth')")),
)

_REFERENCES = (
    Case("reference added", _REFERENCE, _REFERENCE, ("", _reference())),
    Case("reference dropped", _REFERENCE, _REFERENCE, (_reference(), "")),
    Case("column with its reference", "", _REFERENCE, ("", _reference())),
    Case("column and its reference dropped", _REFERENCE, "", (_reference(), "")),
    Case("cascade added", _REFERENCE, _REFERENCE, (_reference(), _reference('ondelete="CASCADE"'))),
    Case("cascade dropped", _REFERENCE, _REFERENCE, (_reference('ondelete="CASCADE"'), _reference())),
    Case(
        "cascade to restrict",
        _REFERENCE,
        _REFERENCE,
        (_reference('ondelete="CASCADE"'), _reference('ondelete="RESTRICT"')),
    ),
    Case(
        "no action is the default",
        _REFERENCE,
        _REFERENCE,
        (_reference(), _reference('ondelete="NO ACTION"')),
    ),
    Case("small letters", _REFERENCE, _REFERENCE, (_reference('ondelete="CASCADE"'), _reference('ondelete="cascade"'))),
    Case("on update", _REFERENCE, _REFERENCE, (_reference(), _reference('onupdate="CASCADE"'))),
    Case(
        "deferred",
        _REFERENCE,
        _REFERENCE,
        (_reference(), _reference('deferrable=True, initially="DEFERRED"')),
    ),
    Case("set null", _REFERENCE, _REFERENCE, (_reference(), _reference('ondelete="SET NULL (c)"'))),
    Case("other name", _REFERENCE, _REFERENCE, (_reference(), _reference('name="fk_other"'))),
    Case(
        "other target",
        "c: Mapped[str | None] = mapped_column(sa.String(20))",
        "c: Mapped[str | None] = mapped_column(sa.String(20))",
        (
            _reference("", '["tenant_id", "c"], ["parents.tenant_id", "parents.code"]'),
            _reference("", '["c"], ["kinds.code"]'),
        ),
    ),
    Case(
        "reference to itself",
        _REFERENCE,
        _REFERENCE,
        ("", _reference("", '["tenant_id", "c"], ["reference_to_itself.tenant_id", "reference_to_itself.id"]')),
    ),
    Case(
        "added later",
        _REFERENCE,
        _REFERENCE,
        ("", _reference('use_alter=True, name="fk_added_later"')),
    ),
)

_GENERATED = (
    Case(
        "computed added",
        "n: Mapped[int]",
        "n: Mapped[int]\n" + _column("sa.Integer, sa.Computed('n * 2', persisted=True)"),
    ),
    Case(
        "computed dropped",
        "n: Mapped[int]\n" + _column("sa.Integer, sa.Computed('n * 2', persisted=True)"),
        "n: Mapped[int]",
    ),
    Case("identity beside the key", "", _column("sa.BigInteger, sa.Identity()", "int")),
    Case("identity dropped", _column("sa.BigInteger, sa.Identity()", "int"), ""),
    Case(
        "identity gets another step",
        _column("sa.BigInteger, sa.Identity(increment=1)", "int"),
        _column("sa.BigInteger, sa.Identity(increment=5)", "int"),
    ),
    Case(
        "identity becomes always",
        _column("sa.BigInteger, sa.Identity()", "int"),
        _column("sa.BigInteger, sa.Identity(always=True)", "int"),
    ),
)

_CHANGED_GENERATION = (
    Case(
        "computed changed",
        "n: Mapped[int]\n" + _column("sa.Integer, sa.Computed('n * 2', persisted=True)"),
        "n: Mapped[int]\n" + _column("sa.Integer, sa.Computed('n * 3', persisted=True)"),
    ),
    Case(
        "column becomes computed",
        "n: Mapped[int]\nc: Mapped[int | None]",
        "n: Mapped[int]\n" + _column("sa.Integer, sa.Computed('n * 2', persisted=True)"),
    ),
    Case("column becomes an identity", "c: Mapped[int]", _column("sa.Integer, sa.Identity()", "int")),
    Case("identity becomes a column", _column("sa.Integer, sa.Identity()", "int"), "c: Mapped[int]"),
)

_COMMENTS = (
    Case("comment of a column added", _TEXT, _column('sa.String, comment="It\'s new"', "str | None")),
    Case("comment of a column dropped", _column("sa.String, comment='old'", "str | None"), _TEXT),
    Case(
        "comment of a column changed",
        _column("sa.String, comment='old'", "str | None"),
        _column("sa.String, comment='new'", "str | None"),
    ),
    Case("comment of a table added", _TEXT, _TEXT, options=("", "'comment': '100% \"new\"'")),
    Case("comment of a table dropped", _TEXT, _TEXT, options=("'comment': 'old'", "")),
    Case("comment of a table changed", _TEXT, _TEXT, options=("'comment': 'old'", "'comment': 'new'")),
)

_ENUMS = (
    Case("enum added", "", _column("sa.Enum('a', 'b', name='added_enum')")),
    Case("enum dropped", _column("sa.Enum('a', 'b', name='dropped_enum')"), ""),
    Case("enum stays", _column("sa.Enum('a', 'b', name='kept_enum')"), _column("sa.Enum('a', 'b', name='kept_enum')")),
    Case(
        "enum grows",
        _column("sa.Enum('a', 'b', name='grown_enum')"),
        _column("sa.Enum('a', 'b', 'c', name='grown_enum')"),
    ),
    Case("enum in an array", "", _column("pg.ARRAY(sa.Enum('a', 'b', name='array_enum'))")),
    Case("enum in capitals", "", _column("sa.Enum('A', 'B', name='CapitalEnum')")),
    Case("enum without a type", "", _column("sa.Enum('a', 'b', name='text_enum', native_enum=False)")),
)

TOPICS: dict[str, tuple[Case, ...]] = {
    "tables and columns": _TABLES,
    "types": _KINDS,
    "server defaults": _DEFAULTS,
    "indexes": _INDEXES,
    "unique keys": _UNIQUE,
    "exclusions": _EXCLUSIONS,
    "checks": _CHECKS,
    "references": _REFERENCES,
    "generated columns": _GENERATED,
    "changed generation": _CHANGED_GENERATION,
    "comments": _COMMENTS,
    "enums": _ENUMS,
}
