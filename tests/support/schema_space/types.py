"""The types of columns, with what fits them: defaults, checks, indexes, and types that a column can change to."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TYPES", "ColumnType"]


@dataclass(frozen=True)
class ColumnType:
    """One type.

    Attributes:
        code: the source of the type.
        python: the annotation.
        feature: the feature that it belongs to.
        defaults: sources of server defaults, each with its feature.
        checks: conditions, each with its feature; `{c}` stands for the column.
        computed: expressions of a generated column of this type, over a column `{c}` of the type `source`.
        index: the method of an index over the column; '' where there is none.
        wider: types that a column of it can be changed to.
        is_key: it can be part of a key.
        declares: source that the models need before the classes.
    """

    code: str
    python: str
    feature: str = ""
    defaults: tuple[tuple[str, str], ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    index: str = "btree"
    wider: tuple[str, ...] = ()
    is_key: bool = False
    declares: str = ""
    extension: str = ""


_TEXT_DEFAULTS = (
    ("", '"plain"'),
    ("", '""'),
    ("default_quote", '"it\'s new"'),
    ("default_percent", '"100%"'),
    ("", "sa.text(\"'typed'\")"),
    ("default_backslash", r'"a\\b"'),
    ("default_colon", '"a:b"'),
)
_TEXT_CHECKS = (
    ("", "length({c}) > 0"),
    ("", "{c} <> 'none'"),
    ("check_quote", "{c} <> 'it''s'"),
    ("check_like", "{c} NOT LIKE '%@%@%'"),
    ("check_like", "{c} LIKE '%'"),
    ("", "{c} ~ '.'"),
    ("check_cast", "{c}::text <> 'a'"),
    ("", "upper({c}) <> lower({c}) OR {c} IS NOT NULL"),
    ("", "{c} NOT IN ('a', 'b', 'c')"),
    ("", "coalesce({c}, '') <> 'x'"),
    ("check_modulo", "length({c}) % 2 >= 0"),
)
_NUMBER_CHECKS = (
    ("", "{c} >= 0"),
    ("", "{c} BETWEEN 0 AND 1000000"),
    ("check_modulo", "{c} % 1 = 0"),
    ("", "{c} IS NULL OR {c} > -1"),
    ("", "NOT ({c} = 13 OR {c} = 17)"),
    ("", "{c} <> ALL (ARRAY[7, 8])"),
)
_NUMBER_DEFAULTS = (("", 'sa.text("0")'), ("", '"1"'), ("default_expression", 'sa.text("1 + 2")'))
_TIME_DEFAULTS = (
    ("", "sa.func.now()"),
    ("", 'sa.text("CURRENT_TIMESTAMP")'),
    ("default_expression", "sa.text(\"now() + interval '1 day'\")"),
)
_NO_CHECK = ()

TYPES: dict[str, ColumnType] = {
    "string": ColumnType(
        "sa.String(40)", "str", "", _TEXT_DEFAULTS, _TEXT_CHECKS, wider=("string_long", "text"), is_key=True
    ),
    "string_long": ColumnType("sa.String(200)", "str", "", _TEXT_DEFAULTS, _TEXT_CHECKS, wider=("text",)),
    "string_any": ColumnType("sa.String()", "str", "", _TEXT_DEFAULTS, _TEXT_CHECKS, wider=("text",)),
    "text": ColumnType("sa.Text()", "str", "", _TEXT_DEFAULTS, _TEXT_CHECKS),
    "text_collated": ColumnType(
        'sa.Text(collation="C")', "str", "collation", _TEXT_DEFAULTS, _TEXT_CHECKS, wider=("text",)
    ),
    "char": ColumnType("sa.CHAR(7)", "str", "type_char"),
    "unicode": ColumnType("sa.Unicode(30)", "str"),
    "integer": ColumnType(
        "sa.Integer()", "int", "", _NUMBER_DEFAULTS, _NUMBER_CHECKS, wider=("bigint", "numeric"), is_key=True
    ),
    "smallint": ColumnType(
        "sa.SmallInteger()", "int", "", _NUMBER_DEFAULTS, (("", "{c} >= 0"),), wider=("integer", "bigint")
    ),
    "bigint": ColumnType("sa.BigInteger()", "int", "", _NUMBER_DEFAULTS, _NUMBER_CHECKS, is_key=True),
    "numeric": ColumnType(
        "sa.Numeric(12, 2)",
        "decimal.Decimal",
        "",
        _NUMBER_DEFAULTS,
        (("", "{c} >= 0"), ("", "{c} >= 0.5 OR {c} = 0")),
        wider=("numeric_wide",),
    ),
    "numeric_wide": ColumnType("sa.Numeric(14, 4)", "decimal.Decimal", "", _NUMBER_DEFAULTS),
    "numeric_any": ColumnType("sa.Numeric()", "decimal.Decimal", "", _NUMBER_DEFAULTS),
    "float": ColumnType("sa.Float()", "float", "", (("", 'sa.text("0")'), ("default_number", '"1.5"'))),
    "double": ColumnType("sa.Double()", "float", "type_double"),
    "real": ColumnType("sa.REAL()", "float", "type_real"),
    "boolean": ColumnType(
        "sa.Boolean()",
        "bool",
        "",
        (("", "sa.true()"), ("", "sa.false()"), ("", 'sa.text("true")')),
        (("check_boolean", "{c} OR NOT {c}"),),
    ),
    "boolean_checked": ColumnType("sa.Boolean(create_constraint=True)", "bool", "boolean_constraint"),
    "date": ColumnType(
        "sa.Date()",
        "datetime.date",
        "",
        (("", 'sa.text("CURRENT_DATE")'), ("default_literal_date", '"2020-01-01"')),
        (("", "{c} > '1900-01-01'"),),
    ),
    "datetime": ColumnType("sa.DateTime()", "datetime.datetime", "", _TIME_DEFAULTS),
    "timestamptz": ColumnType(
        "sa.DateTime(timezone=True)", "datetime.datetime", "", _TIME_DEFAULTS, (("", "{c} > '1900-01-01 00:00:00+00'"),)
    ),
    "timestamptz_precise": ColumnType(
        "pg.TIMESTAMP(timezone=True, precision=3)", "datetime.datetime", "type_precision", _TIME_DEFAULTS
    ),
    "time": ColumnType("sa.Time()", "datetime.time", "", (("", "sa.text(\"'12:00:00'\")"),)),
    "interval": ColumnType(
        "sa.Interval()",
        "datetime.timedelta",
        "",
        (("", "sa.text(\"'1 hour'\")"), ("default_interval", "sa.text(\"interval '1 day'\")")),
    ),
    "interval_plain": ColumnType("", "datetime.timedelta", "interval_by_annotation"),
    "uuid": ColumnType(
        "sa.Uuid()",
        "uuid.UUID",
        "",
        (("", "sa.func.gen_random_uuid()"), ("", 'sa.text("gen_random_uuid()")')),
        is_key=True,
    ),
    "binary": ColumnType(
        "sa.LargeBinary()",
        "bytes",
        "",
        (("default_bytes", r"""sa.text(r"'\x00'::bytea")"""),),
        (("", "octet_length({c}) < 100000"),),
    ),
    "json": ColumnType("sa.JSON()", "Any", "type_json", (("default_json", "sa.text(\"'{}'\")"),), index=""),
    "jsonb": ColumnType(
        "pg.JSONB()",
        "Any",
        "",
        (("", "sa.text(\"'{}'\")"), ("default_cast", "sa.text(\"'[]'::jsonb\")"), ("", '"{}"')),
        (("", "jsonb_typeof({c}) <> 'null'"),),
        index="gin",
    ),
    "array_text": ColumnType(
        "pg.ARRAY(sa.Text())",
        "list[str]",
        "",
        (("", "sa.text(\"'{}'\")"), ("default_cast", "sa.text(\"'{}'::text[]\")"), ("", '"{}"')),
        (("check_array", "cardinality({c}) < 1000"),),
        index="gin",
    ),
    "array_int": ColumnType(
        "pg.ARRAY(sa.Integer())", "list[int]", "", (("default_expression", 'sa.text("ARRAY[1, 2]")'),), index="gin"
    ),
    "array_of_arrays": ColumnType(
        "pg.ARRAY(sa.Integer(), dimensions=2)", "list[list[int]]", "array_dimensions", index=""
    ),
    "inet": ColumnType("pg.INET()", "Any", "type_network"),
    "cidr": ColumnType("pg.CIDR()", "Any", "type_network"),
    "macaddr": ColumnType("pg.MACADDR()", "str", "type_network"),
    "bit": ColumnType("pg.BIT(3)", "Any", "type_bit"),
    "bit_varying": ColumnType("pg.BIT(5, varying=True)", "Any", "type_bit"),
    "tsvector": ColumnType("pg.TSVECTOR()", "Any", "type_search", index="gin"),
    "tsquery": ColumnType("pg.TSQUERY()", "Any", "type_search", index=""),
    "money": ColumnType("pg.MONEY()", "Any", "type_money", index=""),
    "oid": ColumnType("pg.OID()", "int", "type_oid"),
    "int4range": ColumnType(
        "pg.INT4RANGE()",
        "Any",
        "type_range",
        (("default_range", "sa.text(\"'[1,5)'\")"),),
        (("check_range", "NOT isempty({c}) OR isempty({c})"),),
        index="gist",
    ),
    "tstzrange": ColumnType("pg.TSTZRANGE()", "Any", "type_range", index="gist"),
    "daterange": ColumnType("pg.DATERANGE()", "Any", "type_range", index="gist"),
    "nummultirange": ColumnType("pg.NUMMULTIRANGE()", "Any", "type_multirange", index=""),
    "domain_int": ColumnType(
        'pg.DOMAIN("positive", sa.Integer(), check="VALUE > 0")', "int", "domain", (("", 'sa.text("1")'),)
    ),
    "domain_text": ColumnType(
        'pg.DOMAIN("postal code", sa.String(20), check="VALUE ~ \'^[0-9A-Z]\'")', "str", "domain"
    ),
    "citext": ColumnType("pg.CITEXT()", "str", "citext", extension="citext"),
    "guid": ColumnType("Guid()", "uuid.UUID", "decorated", declares="guid"),
    "duration": ColumnType("Duration()", "datetime.timedelta", "decorated", declares="duration"),
    "document": ColumnType("Document()", "Any", "decorated", declares="document", index=""),
    "tags": ColumnType("pg.ARRAY(sa.String(20))", "list[str]", ""),
    "mutable": ColumnType("MutableDict.as_mutable(pg.JSONB())", "dict[str, Any]", "mutable", index="gin"),
    "variant": ColumnType('sa.String(5).with_variant(pg.INET(), "postgresql")', "Any", "variant"),
    "emulated_enum": ColumnType('sa.Enum("small", "large", name="size", native_enum=False)', "str", "enum_not_native"),
    "checked_enum": ColumnType(
        'sa.Enum("low", "high", name="level", native_enum=False, create_constraint=True)',
        "str",
        "enum_not_native_checked",
    ),
}
