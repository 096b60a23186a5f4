"""What an assertion must say, and what is bounded about it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from plc_coach.identity import Assertion
from plc_coach.models import ASSERTION_ID_LENGTH
from plc_coach.settings import Settings

CLAIMS: dict[str, Any] = {
    "provider": "google",
    "sub": "1234",
    "jti": "a-1",
    "email": "Ada@School.example",
    "name": "Ada",
    "tenant_id": "acme",
    "exp": 1_900_000_000,
}


def test_claims_are_read_in_one_form() -> None:
    """What people hold to be the same is the same; claims that nobody asked for are passed over."""
    found = Assertion.model_validate({**CLAIMS, "iat": 1, "picture": "https://example.com"})
    assert (found.email, found.organization, found.role) == ("ada@school.example", "acme", None)


def test_the_organisation_may_be_called_a_tenant() -> None:
    said = {name: value for name, value in CLAIMS.items() if name != "tenant_id"}
    assert Assertion.model_validate({**said, "organization_id": "acme"}).organization == "acme"
    assert Assertion.model_validate(said).organization is None


@pytest.mark.parametrize("missing", ["provider", "sub", "jti", "email", "name", "exp"])
def test_nothing_that_says_who_may_be_missing(missing: str) -> None:
    with pytest.raises(ValidationError):
        Assertion.model_validate({name: value for name, value in CLAIMS.items() if name != missing})


@pytest.mark.parametrize(
    "wrong",
    [
        {"jti": "x" * (ASSERTION_ID_LENGTH + 1)},
        {"jti": "a b"},
        {"sub": ""},
        {"provider": "x" * 51},
        {"email": "x"},
        {"name": ""},
    ],
    ids=repr,
)
def test_what_the_tables_could_not_hold_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Assertion.model_validate({**CLAIMS, **wrong})


@pytest.mark.parametrize("seconds", [0, 3601])
def test_how_long_an_assertion_may_be_good_is_bounded(seconds: int) -> None:
    with pytest.raises(ValidationError):
        Settings(assertion_lifetime=seconds)
