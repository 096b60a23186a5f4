from __future__ import annotations

from pydantic import SecretStr

from plc_coach.demo import session_ids
from plc_coach.settings import Settings


def ids(secret: str) -> set[str]:
    return {str(one) for one in session_ids(Settings(jwt_secret=SecretStr(secret))).values()}


def test_the_ids_of_sessions_follow_from_the_secret_and_the_name() -> None:
    """The same at every start; with another secret, others."""
    first, second = ids("a" * 32), ids("b" * 32)
    assert first == ids("a" * 32)
    assert len(first | second) == 6
    assert {one.version for one in session_ids(Settings(jwt_secret=SecretStr("a" * 32))).values()} == {4}


def test_without_a_secret_there_are_none() -> None:
    assert session_ids(Settings()) == {}
