"""Column types of every kind that a model can have, for what autogenerate writes of them."""

from __future__ import annotations

import enum
from typing import Any

import sqlalchemy as sa
from pgvector import sqlalchemy as pgvector
from sqlalchemy import Dialect, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine, UserDefinedType

from tenantry import EncryptedText

__all__ = [
    "ALWAYS_DIFFERENT",
    "BUILT_IN",
    "DECORATED",
    "EXTENSIONS",
    "NO_COLUMN",
    "NO_COLUMN_OF_POSTGRESQL",
    "UNWRITTEN",
]


class Mood(enum.Enum):
    """An enum whose members have other names than values."""

    CALM = 1
    WILD = "it's wild"


class Guid(TypeDecorator[Any]):
    """A uuid where the database has one, as SQLAlchemy's manual shows it."""

    impl = sa.CHAR
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        return dialect.type_descriptor(sa.Uuid() if dialect.name == "postgresql" else sa.CHAR(32))


class Document(TypeDecorator[Any]):
    """JSON, as jsonb where there is one."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        return postgresql.JSONB() if dialect.name == "postgresql" else sa.Text()


class Name(TypeDecorator[str]):
    """A type with arguments of its own."""

    impl = sa.String
    cache_ok = True

    def __init__(self, size: int) -> None:
        super().__init__(length=size * 2)


class Nested(TypeDecorator[Any]):
    """A decorator over a decorator."""

    impl = Document
    cache_ok = True


class Deep(TypeDecorator[Any]):
    """A decorator whose type in the database is decorated, with a variant, in an array."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return types within types."""
        del dialect
        return postgresql.ARRAY(sa.Text().with_variant(Guid(), "postgresql"), dimensions=2)


class MoodType(TypeDecorator[Any]):
    """An enum by another name."""

    impl = sa.Enum("calm", "wild", name="decorated_mood")
    cache_ok = True


class Lasting(TypeDecorator[Any]):
    """A decorator over a type that is itself a decorator."""

    impl = sa.Interval
    cache_ok = True


class Embedding(TypeDecorator[Any]):
    """A vector by another name."""

    impl = pgvector.VECTOR(4)
    cache_ok = True


class Money(sa.Numeric[Any]):
    """A subclass, not a decorator."""

    def __init__(self) -> None:
        super().__init__(12, 4)


class Point(UserDefinedType[Any]):
    """A type of the database that SQLAlchemy does not have."""

    cache_ok = True

    def __init__(self, kind: str = "point") -> None:
        self.kind = kind

    def get_col_spec(self, **_keywords: Any) -> str:
        """Return its name."""
        return self.kind


class Compiled(TypeDecorator[Any]):
    """A decorator with DDL of its own, which only itself can say."""

    impl = sa.Text
    cache_ok = True


@compiles(Compiled, "postgresql")
def _compile(*_arguments: Any, **_keywords: Any) -> str:
    return "macaddr8"


class Forgetful(UserDefinedType[Any]):
    """A type whose `repr` leaves its argument out."""

    cache_ok = True

    def __init__(self, size: int) -> None:
        self._size = size

    def get_col_spec(self, **_keywords: Any) -> str:
        """Return its name and its size."""
        return f"varchar({self._size})"

    def __repr__(self) -> str:
        return "Forgetful()"


class Foreign(TypeDecorator[Any]):
    """A type that PostgreSQL does not have."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what no table can be made of."""
        del dialect
        return sa.types.NullType()


def _local() -> TypeEngine[Any]:
    class Local(UserDefinedType[Any]):
        cache_ok = True

        def get_col_spec(self, **_keywords: Any) -> str:
            return "point"

    return Local()


def _values(kind: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in kind]


BUILT_IN: dict[str, TypeEngine[Any]] = {
    "array": sa.ARRAY(sa.String(3)),
    "array of arrays": postgresql.ARRAY(sa.Integer, dimensions=3),
    "array of enums": sa.ARRAY(sa.Enum("a", "b", name="in_array")),
    "array of intervals": sa.ARRAY(sa.Interval(second_precision=2)),
    "bigint": sa.BigInteger(),
    "BIGINT": sa.BIGINT(),
    "binary": sa.LargeBinary(),
    "binary with a length": sa.LargeBinary(20),
    "bit": postgresql.BIT(3),
    "bit varying": postgresql.BIT(5, varying=True),
    "bit varying without a length": postgresql.BIT(varying=True),
    "BLOB-like": postgresql.BYTEA(),
    "bool": sa.Boolean(),
    "BOOLEAN": sa.BOOLEAN(),
    "bool with a constraint": sa.Boolean(create_constraint=True, name="truth"),
    "CHAR": sa.CHAR(7),
    "CHAR without a length": sa.CHAR(),
    "cidr": postgresql.CIDR(),
    "string with a collation": sa.String(9, collation="C"),
    "collated text": sa.Text(collation="POSIX"),
    "date": sa.Date(),
    "DATE": sa.DATE(),
    "datetime": sa.DateTime(),
    "datetime with a zone": sa.DateTime(timezone=True),
    "decimal": sa.DECIMAL(8, 3),
    "domain": postgresql.DOMAIN(
        "grade", sa.Integer(), check="VALUE > 0 AND VALUE::text <> ':x'", default="5", not_null=True
    ),
    "domain over text": postgresql.DOMAIN(
        "e_mail", sa.String(90), collation="C", check=sa.text("VALUE ~ '^[^@]+@%'"), constraint_name="has_at"
    ),
    "domain over an interval": postgresql.DOMAIN("lapse", sa.Interval(second_precision=1)),
    "double": sa.Double(),
    "DOUBLE PRECISION": sa.DOUBLE_PRECISION(),
    "enum": sa.Enum("it's", 'a "b"', "c", name="Quoted Mood"),
    "enum of Python": sa.Enum(Mood),
    "enum of Python by value": sa.Enum(
        Mood, name="by_value", values_callable=lambda kind: [str(e.value) for e in kind]
    ),
    "enum without a type": sa.Enum("a", "bcd", name="plain", native_enum=False),
    "enum with a constraint": sa.Enum("a", "b", name="checked", native_enum=False, create_constraint=True, length=30),
    "ENUM": postgresql.ENUM("x", "y", name="native"),
    "float": sa.Float(),
    "float of 24 bits": sa.Float(24),
    "float of 53 bits": sa.FLOAT(53),
    "inet": postgresql.INET(),
    "integer": sa.Integer(),
    "INTEGER": sa.INTEGER(),
    "interval": sa.Interval(),
    "interval with a precision": sa.Interval(second_precision=3, day_precision=2),
    "interval that is emulated": sa.Interval(native=False),
    "INTERVAL": postgresql.INTERVAL(fields="DAY TO SECOND", precision=4),
    "INTERVAL of years": postgresql.INTERVAL(fields="YEAR TO MONTH"),
    "json": sa.JSON(),
    "json with nulls": sa.JSON(none_as_null=True),
    "JSON": postgresql.JSON(),
    "jsonb": postgresql.JSONB(astext_type=sa.String(10)),
    "jsonpath": postgresql.JSONPATH(),
    "macaddr": postgresql.MACADDR(),
    "macaddr8": postgresql.MACADDR8(),
    "match": sa.types.MatchType(),
    "money": postgresql.MONEY(),
    "numeric": sa.Numeric(),
    "numeric with a scale": sa.NUMERIC(10, 2),
    "numeric without a scale": sa.Numeric(10),
    "oid": postgresql.OID(),
    "pickle": sa.PickleType(),
    "real": sa.REAL(),
    "regclass": postgresql.REGCLASS(),
    "regconfig": postgresql.REGCONFIG(),
    "smallint": sa.SmallInteger(),
    "SMALLINT": sa.SMALLINT(),
    "string": sa.String(3),
    "string without a length": sa.String(),
    "text": sa.Text(),
    "TEXT": sa.TEXT(),
    "time": sa.Time(),
    "TIME of SQL": sa.TIME(),
    "time with a zone": sa.Time(timezone=True),
    "TIME": postgresql.TIME(timezone=True, precision=2),
    "TIMESTAMP": postgresql.TIMESTAMP(timezone=True, precision=3),
    "TIMESTAMP of SQL": sa.TIMESTAMP(timezone=True),
    "tsquery": postgresql.TSQUERY(),
    "tsvector": postgresql.TSVECTOR(),
    "unicode": sa.Unicode(8),
    "unicode text": sa.UnicodeText(),
    "uuid": sa.Uuid(),
    "uuid as text": sa.Uuid(as_uuid=False),
    "uuid that is emulated": sa.Uuid(native_uuid=False),
    "UUID": sa.UUID(),
    "VARCHAR": sa.VARCHAR(4),
    **{
        name.lower(): getattr(postgresql, name)()
        for kind in ("INT4", "INT8", "NUM", "DATE", "TS", "TSTZ")
        for name in (f"{kind}RANGE", f"{kind}MULTIRANGE")
    },
}

DECORATED: dict[str, TypeEngine[Any]] = {
    "guid": Guid(),
    "guids": sa.ARRAY(Guid()),
    "guids in rows": postgresql.ARRAY(Guid(), dimensions=2),
    "document": Document(),
    "documents": postgresql.ARRAY(Document()),
    "name": Name(20),
    "nested": Nested(),
    "deep": Deep(),
    "deep in a domain": postgresql.DOMAIN("key", Guid()),
    "mood": MoodType(),
    "moods": sa.ARRAY(MoodType()),
    "lasting": Lasting(),
    "encrypted": EncryptedText(),
    "variant": sa.String(5).with_variant(postgresql.INET(), "postgresql"),
    "variant for others": sa.String(6).with_variant(sa.Text(), "mysql"),
    "variant of a decorator": Guid().with_variant(sa.CHAR(36), "mysql"),
    "variant that is a decorator": sa.Text().with_variant(Guid(), "postgresql"),
    "variants": sa.ARRAY(sa.String(5).with_variant(postgresql.CIDR(), "postgresql")),
    "subclass": Money(),
    "foreign": Point(),
    "foreign with an argument": Point("circle"),
    "foreign in an array": sa.ARRAY(Point()),
    "compiled": Compiled(),
}

# What an extension brings, by its name.
EXTENSIONS: dict[str, dict[str, TypeEngine[Any]]] = {
    "citext": {"citext": postgresql.CITEXT(), "citexts": sa.ARRAY(postgresql.CITEXT())},
    "hstore": {"hstore": postgresql.HSTORE(text_type=sa.String(4))},
    "vector": {
        "vector": pgvector.VECTOR(3),
        "vector of any size": pgvector.VECTOR(),
        "halfvec": pgvector.HALFVEC(3),
        "sparsevec": pgvector.SPARSEVEC(100),
        "bits": pgvector.BIT(8),
        "vectors": sa.ARRAY(pgvector.VECTOR(2)),
        "embedding": Embedding(),
    },
}

UNWRITTEN: dict[str, tuple[TypeEngine[Any], str]] = {
    "a repr without its argument": (Forgetful(3), r"Forgetful\(\)` cannot be evaluated"),
    "such a one in an array": (sa.ARRAY(Forgetful(3)), r"Forgetful\(\)` cannot be evaluated"),
    "a class in a function": (_local(), "cannot be imported"),
    "no type": (Foreign(), "cannot be compiled for PostgreSQL"),
}

# PostgreSQL calls it `real`, which Alembic takes for another type.
ALWAYS_DIFFERENT = {"float of 24 bits"}

# Names of SQLAlchemy's that stand for no column of PostgreSQL.
NO_COLUMN = {
    *("BINARY", "BLOB", "CLOB", "DATETIME", "DOUBLE", "NCHAR", "NVARCHAR", "VARBINARY"),
    *("NullType", "TupleType", "TypeDecorator", "UserDefinedType", "NumericCommon"),
}
NO_COLUMN_OF_POSTGRESQL = {"AbstractMultiRange", "AbstractRange", "AbstractSingleRange", "NamedType"}
