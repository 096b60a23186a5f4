"""`.env.example` lists every variable that a service reads, sets none, and gives values that would be accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import ROOT

from tenantry import errors
from tenantry.project import find_project
from tenantry.service import Service, load_services
from tenantry.settings import list_variables

pytestmark = pytest.mark.docs

EXAMPLE = ROOT / ".env.example"
SERVICES = load_services(find_project(ROOT))

# A key must be made by whoever uses it; the example says how, and is no key.
NO_EXAMPLE = {
    service.settings.variable(field)
    for service in SERVICES
    for field in service.settings.model_fields
    if field.endswith("_keys")
}


def listed(text: str) -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))


def groups() -> list[tuple[Service, dict[str, str]]]:
    """Return what can be set together: each variable by itself, an address in parts and a certificate as a whole."""
    found: list[tuple[Service, dict[str, str]]] = []
    example = listed(EXAMPLE.read_text(encoding="utf-8"))
    for service in SERVICES:
        mine = {one.name: example[one.name] for one in list_variables(service.settings)}
        parts = {name: value for name, value in mine.items() if re.search("_DB_|_SSL", name)}
        found.append((service, parts))
        found += [(service, {name: value}) for name, value in mine.items() if name not in {*parts, *NO_EXAMPLE}]
    return found


def test_it_lists_what_there_is_and_nothing_else() -> None:
    wanted = {one.name for service in SERVICES for one in list_variables(service.settings)}
    assert listed(EXAMPLE.read_text(encoding="utf-8")).keys() == wanted


def test_it_sets_nothing() -> None:
    """Copied as it is, it changes nothing: `make up` still brings its own PostgreSQL."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.strip() and not line.startswith("#")] == []


@pytest.mark.parametrize("group", groups(), ids=lambda group: "+".join(group[1]))
def test_its_values_would_be_accepted(
    group: tuple[Service, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, values = group
    for one in list_variables(service.settings):
        monkeypatch.delenv(one.name, raising=False)
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    loaded = service.settings.load(env_file=file)
    given = {one.field for one in list_variables(service.settings) if getattr(loaded, one.field) is not None}
    assert {one.field for one in list_variables(service.settings) if one.name in values} <= given


def test_a_key_is_never_given_away(tmp_path: Path) -> None:
    """Whoever uncomments the example of a key is told to make one."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for service in SERVICES:
        for name in NO_EXAMPLE & {one.name for one in list_variables(service.settings)}:
            file = tmp_path / ".env"
            file.write_text(f"{name}={listed(text)[name]}\n")
            with pytest.raises(errors.ConfigurationError, match=name):
                service.settings.load(env_file=file)
