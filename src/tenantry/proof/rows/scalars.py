"""Values of types without a length or a precision: times, JSON, addresses, geometry; and of ranges."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from tenantry.proof.rows.seed import Way, constant
from tenantry.proof.rows.shape import Type

__all__ = ["SCALARS", "range_ways"]

_FUTURE, _PAST = date(2040, 1, 1), date(2001, 1, 1)


def range_ways(kind: Type, bound: Type) -> tuple[Way, ...]:
    """Return ranges that do not overlap or touch, for exclusion constraints."""
    step: Callable[[int], str] = _STEPS.get(bound.name, lambda number: str(number * 10))
    form = "{{[{},{})}}" if kind.kind == "m" else "[{},{})"
    return (
        lambda seed: form.format(step(2 * seed.number), step(2 * seed.number + 1)),
        lambda seed: form.format(step(-2 * seed.number - 2), step(-2 * seed.number - 1)),
        constant("{}" if kind.kind == "m" else "empty"),
    )


def _day(number: int) -> str:
    return str(_FUTURE + timedelta(days=number))


def _days(start: date, form: str = "{}") -> Way:
    return lambda seed: form.format(start + timedelta(days=seed.number))


def _moments(zone: str) -> tuple[Way, ...]:
    today = date.today()  # noqa: DTZ011  # Only "about now" matters.
    starts = (_FUTURE, _PAST, today - timedelta(days=5000), today, date(2060, 1, 1), date(1950, 1, 1))
    return tuple(_days(start, f"{{}} 12:00:00{zone}") for start in starts)


_STEPS: Mapping[str, Callable[[int], str]] = {
    "date": _day,
    "timestamp": lambda number: f'"{_day(number)} 00:00:00"',
    "timestamptz": lambda number: f'"{_day(number)} 00:00:00+00"',
}


def _json(*forms: str) -> tuple[Way, ...]:
    def fill(form: str) -> Way:
        return lambda seed: form.replace("?", f"{seed.marker} {seed.number}")

    return tuple(fill(form) for form in forms)


_JSON = _json('{"proof": "?"}', '["?"]', '"?"', "1", "true", "null", "{}", "[]", '[{"proof": "?"}]')

SCALARS: Mapping[str, tuple[Way, ...]] = {
    "bool": (
        lambda seed: str(seed.number % 2 == 0).lower(),
        constant("true"),
        constant("false"),
    ),
    "uuid": (lambda _seed: str(uuid.uuid4()),),
    "bytea": (lambda seed: f"\\x{f'{seed.marker} {seed.number}'.encode().hex()}", constant("\\x")),
    "date": tuple(_days(start) for start in (_FUTURE, _PAST, date(1950, 1, 1))),
    "timestamp": _moments(""),
    "timestamptz": _moments("+00"),
    "time": (
        lambda seed: f"{seed.number // 60 % 24:02d}:{seed.number % 60:02d}:00",
        constant("23:30:00"),
        constant("12:00:00"),
    ),
    "timetz": (lambda seed: f"{seed.number // 60 % 24:02d}:{seed.number % 60:02d}:00+00", constant("23:30:00+00")),
    "interval": (lambda seed: f"{seed.number + 1} days", constant("1 minute"), constant("0"), constant("-1 day")),
    "json": _JSON,
    "jsonb": _JSON,
    "jsonpath": (lambda seed: f"$.row{seed.number}",),
    "xml": (lambda seed: f"<row>{seed.marker} {seed.number}</row>",),
    "inet": (
        lambda seed: f"10.{seed.number // 65536 % 256}.{seed.number // 256 % 256}.{seed.number % 256}",
        lambda seed: f"fd00::{seed.number:x}",
    ),
    "cidr": (lambda seed: f"10.{seed.number // 256 % 256}.{seed.number % 256}.0/24",),
    "macaddr": (lambda seed: f"02:00:00:00:{seed.number // 256 % 256:02x}:{seed.number % 256:02x}",),
    "macaddr8": (lambda seed: f"02:00:00:ff:fe:00:{seed.number // 256 % 256:02x}:{seed.number % 256:02x}",),
    "tsvector": (lambda seed: f"'{seed.marker}':1 '{seed.number}':2",),
    "tsquery": (lambda seed: f"'{seed.marker}' & '{seed.number}'",),
    "hstore": (lambda seed: f'"row"=>"{seed.marker} {seed.number}"',),
    "ltree": (lambda seed: f"{seed.marker.replace('-', '_')}.row{seed.number}",),
    "money": (lambda seed: f"{seed.number + 1}", constant("0")),
    "oid": (lambda seed: f"{seed.number + 1}",),
    "xid": (lambda seed: f"{seed.number + 1}",),
    "xid8": (lambda seed: f"{seed.number + 1}",),
    "pg_lsn": (lambda seed: f"0/{seed.number + 1:X}",),
    "point": (lambda seed: f"({seed.number},1)",),
    "line": (lambda seed: f"{{1,1,{seed.number}}}",),
    "lseg": (lambda seed: f"[({seed.number},0),({seed.number},1)]",),
    "box": (lambda seed: f"(({seed.number},0),({seed.number + 0.5},1))",),
    "path": (lambda seed: f"[({seed.number},0),({seed.number},1)]",),
    "polygon": (lambda seed: f"(({seed.number},0),({seed.number},1),({seed.number + 1},1))",),
    "circle": (lambda seed: f"<({seed.number},0),0.25>",),
}
