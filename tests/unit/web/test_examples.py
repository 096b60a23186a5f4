from __future__ import annotations

import json
import shlex

from tenantry.web.examples import curl


def test_a_line_means_in_a_shell_what_was_given() -> None:
    """Whatever quotes stand in it."""
    body = {"name": 'it\'s "quoted" & more; $(true)'}
    words = shlex.split(curl("http://127.0.0.1/a?b=1&c=2", {"X-Name": "a b"}, body))
    assert words[:5] == ["curl", "-i", "http://127.0.0.1/a?b=1&c=2", "-H", "X-Name: a b"]
    assert words[-2] == "-d"
    assert json.loads(words[-1]) == body


def test_a_line_without_a_body_is_a_get() -> None:
    assert curl("http://127.0.0.1/") == "curl -i http://127.0.0.1/"
