from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, DateTime
from sqlalchemy.dialects import postgresql

from tenantry.fastapi.etag import Precondition, precondition_failed, version_tag

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TAG = version_tag(NOW)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))  # noqa: DTZ001  # Hypothesis adds the zone.
def test_a_tag_gives_back_its_version(moment: datetime) -> None:
    assert Precondition.parse(version_tag(moment)).versions == (moment,)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)), st.integers(1, 1000))  # noqa: DTZ001
def test_two_versions_have_two_tags(moment: datetime, microseconds: int) -> None:
    """PostgreSQL tells moments apart by the microsecond, and so do the tags."""
    if moment.year < 9999:
        assert version_tag(moment) != version_tag(moment + timedelta(microseconds=microseconds))


@pytest.mark.parametrize("header", [None, "*", " * "])
def test_no_condition_and_a_star_let_every_version_pass(header: str | None) -> None:
    assert Precondition.parse(header).is_any


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (TAG, (NOW,)),
        (f' {TAG} , "0"', (NOW, datetime(1970, 1, 1, tzinfo=UTC))),
        (f"W/{TAG}", ()),
        (f'W/{TAG}, "0"', (datetime(1970, 1, 1, tzinfo=UTC),)),
        (f'"x, {TAG}, y"', ()),
        (TAG.strip('"'), ()),
        ('"ffffffffffffffff"', ()),
        ('"00000000000000000"', ()),
        ('"X"', ()),
        ("", ()),
        ('*, "0"', ()),
        (f'"a,b",,{TAG},', (NOW,)),
        (f"{TAG} and more", ()),
    ],
)
def test_what_is_no_version_of_ours_matches_none(header: str, versions: tuple[datetime, ...]) -> None:
    """So that a change under a condition that nobody understands is refused, never let through."""
    found = Precondition.parse(header)
    assert (found.versions, found.is_any) == (versions, False)


@given(st.text(max_size=100))
def test_any_text_is_a_condition(header: str) -> None:
    assert Precondition.parse(header).is_any == (header.strip(" \t") == "*")


def test_the_condition_stands_in_the_statement() -> None:
    column: Column[datetime] = Column("updated_at", DateTime(timezone=True))

    dialect: Any = postgresql

    def compiled(condition: Precondition) -> str:
        bound = {"literal_binds": True}
        return str(condition.holds_for(column).compile(dialect=dialect.dialect(), compile_kwargs=bound))

    assert compiled(Precondition()) == "true"
    assert compiled(Precondition.parse(TAG)) == "updated_at IN ('2026-01-01 00:00:00+00:00')"
    assert "1 != 1" in compiled(Precondition.parse("nonsense"))


def test_too_late_is_412() -> None:
    answer = precondition_failed().answer
    assert (answer.status, answer.code) == (412, "precondition_failed")
