from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import errors
from tenantry.fastapi.settings import WebSettings
from tenantry.fastapi.tokens import InvalidToken, Principal, TokenSettings, issue_token, token_verifier
from tenantry.settings import DatabaseSettings

SECRET = "s" * 32


class Settings(DatabaseSettings, TokenSettings, WebSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_")


def settings(**changes: Any) -> TokenSettings:
    return TokenSettings(**{"jwt_secret": SecretStr(SECRET), **changes})


def forge(algorithm: str = "HS256", key: str = SECRET, **changes: Any) -> str:
    claims = {"sub": "ada", "exp": datetime.now(UTC) + timedelta(minutes=1), "tenant_id": "acme", "scope": ""}
    claims.update(changes)
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


async def test_an_issued_token_says_who_and_for_whom() -> None:
    token = issue_token(settings(), "ada", "acme", ["admin", "read"])
    assert await token_verifier(settings()).verify(token) == Principal("ada", "acme", frozenset({"admin", "read"}))


# What str.split() takes for a separator, and some that only look like one.
SPACES = [chr(point) for point in range(0x10000) if chr(point).isspace() and chr(point) != " "] + ["\u200b", "\ufeff"]


@pytest.mark.parametrize("space", SPACES, ids=ascii)
async def test_a_space_alone_separates_scopes(space: str) -> None:
    """RFC 6749, 3.3."""
    found = await token_verifier(settings()).verify(forge(scope=f"read{space}admin"))
    assert found.scopes == {f"read{space}admin"}


async def test_spaces_at_the_ends_and_between_make_no_scope() -> None:
    found = await token_verifier(settings()).verify(forge(scope="  read   admin "))
    assert found.scopes == {"read", "admin"}


@pytest.mark.parametrize("scope", ["", "read admin", 'a"b', "a\\b", "\u00e9", "a\x7f", *(f"a{one}b" for one in SPACES)])
def test_a_scope_that_would_be_read_as_another_is_not_issued(scope: str) -> None:
    with pytest.raises(ValueError, match="not a scope"):
        issue_token(settings(), "ada", scopes=[scope])


async def test_a_token_without_a_tenant_has_none() -> None:
    token = issue_token(settings(), "ada")
    assert (await token_verifier(settings()).verify(token)).tenant is None


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"tenant_id": 7},
        {"tenant_id": ["acme"]},
        {"scope": ["admin"]},
        {"nbf": datetime(2100, 1, 1, tzinfo=UTC)},
        {"aud": "another service"},
        {"key": "t" * 32},
        {"algorithm": "HS512", "key": SECRET * 2},
        {"algorithm": "none", "key": ""},
    ],
)
async def test_a_bad_token_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken, match=r"^The token is not valid for this service\.$"):
        await token_verifier(settings()).verify(forge(**changes))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "." * 5000])
async def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        await token_verifier(settings()).verify(token)


async def test_a_token_that_was_cut_is_refused() -> None:
    with pytest.raises(InvalidToken):
        await token_verifier(settings()).verify(forge()[:-2])


async def test_an_expired_token_is_refused_and_says_so() -> None:
    with pytest.raises(InvalidToken, match="expired"):
        await token_verifier(settings()).verify(issue_token(settings(), "ada", lifetime=timedelta(seconds=-1)))


@pytest.mark.parametrize("claim", ["jwt_issuer", "jwt_audience"])
async def test_issuer_and_audience_are_wanted_when_they_are_set(claim: str) -> None:
    wanted = settings(**{claim: "shop"})
    assert (await token_verifier(wanted).verify(issue_token(wanted, "ada"))).subject == "ada"
    for other in (issue_token(settings(), "ada"), issue_token(settings(**{claim: "bank"}), "ada")):
        with pytest.raises(InvalidToken):
            await token_verifier(wanted).verify(other)


async def test_a_clock_that_runs_ahead_at_the_issuer_does_no_harm() -> None:
    token = forge(iat=datetime.now(UTC) + timedelta(minutes=5))
    assert (await token_verifier(settings()).verify(token)).subject == "ada"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "Neither SHOP_JWT_SECRET nor SHOP_JWT_JWKS_URL is set"),
        ({"SHOP_JWT_SECRET": SECRET, "SHOP_JWT_JWKS_URL": "https://id.example.org/keys"}, "Both SHOP_JWT_SECRET and"),
        ({"SHOP_JWT_SECRET": "hunter2"}, "SHOP_JWT_SECRET is too short"),
    ],
)
def test_wrong_settings_name_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(errors.ConfigurationError, match=sentence) as raised:
        token_verifier(Settings.load(env_file=None))
    assert raised.value.variable == "SHOP_JWT_SECRET"
    assert "hunter2" not in str(raised.value)


def test_keys_are_not_fetched_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_JWT_JWKS_URL", "http://id.example.org/keys")
    with pytest.raises(
        errors.ConfigurationError, match="SHOP_JWT_JWKS_URL is wrong: the URL of the keys must begin with https://"
    ):
        Settings.load(env_file=None)


def test_the_secret_is_in_no_repr() -> None:
    assert SECRET not in repr(settings())
    assert SECRET not in repr(vars(token_verifier(settings())))


def test_no_token_is_issued_without_a_secret() -> None:
    with pytest.raises(errors.ConfigurationError):
        issue_token(TokenSettings(), "ada")


async def test_what_a_token_says_besides_can_be_asked_for() -> None:
    token = issue_token(settings(), "ada", "acme", further={"provider": "google", "sub": "another"})
    claims = await token_verifier(settings()).claims(token)
    assert (claims["provider"], claims["sub"], claims["tenant_id"]) == ("google", "another", "acme")
    with pytest.raises(InvalidToken):
        await token_verifier(settings(jwt_secret=SecretStr("x" * 32))).claims(token)


async def test_a_token_tells_moments_of_one_second_apart() -> None:
    before = datetime.now(UTC)
    token = issue_token(settings(), "ada")
    after = datetime.now(UTC)
    issued_at = (await token_verifier(settings()).verify(token)).issued_at
    assert issued_at is not None
    assert before - timedelta(microseconds=1) <= issued_at <= after + timedelta(microseconds=1)


@pytest.mark.parametrize("moment", ["now", [], "1", 1e300, float("nan")])
async def test_a_moment_that_is_none_is_refused(moment: Any) -> None:
    claims = {"sub": "7", "exp": time.time() + 60, "iat": moment}
    with pytest.raises(InvalidToken):
        await token_verifier(settings()).verify(jwt.encode(claims, SECRET, "HS256"))


async def test_a_token_need_not_say_when_it_was_issued() -> None:
    token = jwt.encode({"sub": "7", "exp": time.time() + 60}, SECRET, "HS256")
    assert (await token_verifier(settings()).verify(token)).issued_at is None
