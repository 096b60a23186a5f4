from __future__ import annotations

import json
import shlex

import pytest

from tenantry.fastapi.examples import Examples, curl


def test_a_line_means_in_a_shell_what_was_given() -> None:
    """Whatever quotes stand in it."""
    body = {"name": 'it\'s "quoted" & more; $(true)'}
    words = shlex.split(curl("http://127.0.0.1/a?b=1&c=2", {"X-Name": "a b"}, body))
    assert words[:5] == ["curl", "-i", "http://127.0.0.1/a?b=1&c=2", "-H", "X-Name: a b"]
    assert words[-2] == "-d"
    assert json.loads(words[-1]) == body


def test_a_line_without_a_body_is_a_get() -> None:
    assert curl("http://127.0.0.1/") == "curl -i http://127.0.0.1/"


def test_a_line_speaks_in_the_name_of_whom_it_is_told() -> None:
    ask = Examples("http://127.0.0.1/accounts", {"ada": "a-token"})
    assert ask.line("/me", "ada") == "curl -i http://127.0.0.1/accounts/me -H 'Authorization: Bearer a-token'"
    assert ask.line("?limit=2", headers={"X-Name": "b"}) == "curl -i 'http://127.0.0.1/accounts?limit=2' -H 'X-Name: b'"
    assert "Authorization" not in ask.line("/sign-in", body={"email": "ada"})


def test_nobody_unknown_has_a_line() -> None:
    with pytest.raises(KeyError):
        Examples("http://127.0.0.1/accounts", {"ada": "a-token"}).line("/me", "alan")


def test_every_service_can_be_asked_whether_it_is_ready() -> None:
    title, line = Examples("http://127.0.0.1/accounts").ready
    assert title
    assert line == "curl -i http://127.0.0.1/accounts/health/ready"
