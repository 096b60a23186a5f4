from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any

import pytest

from tenantry.proof.rows.factories import call_factory
from tenantry.proof.rows.shape import Column, Shape, Type


class Mood(enum.Enum):
    CALM = 1


TEXT = Type("text", "b")

VALUES: list[tuple[Any, Type, str | None]] = [
    (None, TEXT, None),
    ("a", TEXT, "a"),
    (7, Type("int4", "b"), "7"),
    (True, Type("bool", "b"), "true"),
    (Decimal("1.50"), Type("numeric", "b"), "1.50"),
    (b"\x01\xff", Type("bytea", "b"), "\\x01ff"),
    ({"a": [1, None]}, Type("jsonb", "b"), '{"a": [1, null]}'),
    ([1], Type("json", "b"), "[1]"),
    (["a", None], Type("_text", "b", element=TEXT), '{"a",NULL}'),
    (Mood.CALM, Type("mood", "e", labels=("CALM",)), "CALM"),
    (dt.timedelta(minutes=2), Type("interval", "b"), "120.0 seconds"),
    (dt.datetime(2030, 1, 2, 3, tzinfo=dt.UTC), Type("timestamptz", "b"), "2030-01-02 03:00:00+00:00"),
    (uuid.UUID(int=1), Type("uuid", "b"), "00000000-0000-0000-0000-000000000001"),
    ([1.5, 2.0], Type("vector", "b", modifier=2), "[1.5, 2.0]"),
]


@pytest.mark.parametrize(("value", "kind", "text"), VALUES, ids=lambda one: getattr(one, "name", repr(one)))
def test_a_value_is_written_as_its_type_reads_it(value: Any, kind: Type, text: str | None) -> None:
    shape = Shape(("public", "t"), {"v": Column("v", kind, is_not_null=False, has_default=False)}, ())
    assert call_factory(lambda _tenant, _number: {"v": value}, shape, "acme", 1) == {"v": text}
