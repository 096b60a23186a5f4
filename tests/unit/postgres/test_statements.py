from __future__ import annotations

import re
from importlib.resources import files

import pytest

from tenantry.postgres.statements import load_statements

FILES = [
    ("tenantry.postgres", "catalog.sql"),
    ("tenantry.postgres", "roles.sql"),
    ("tenantry.migrations", "lock.sql"),
    ("tenantry.migrations", "version_table.sql"),
    ("tenantry.migrations.operations", "statements.sql"),
]


@pytest.mark.parametrize(("package", "name"), FILES)
def test_every_statement_has_a_name_and_a_sentence(package: str, name: str) -> None:
    """And ends with the one semicolon that is taken away."""
    statements = load_statements(package, name)
    assert len(statements) == files(package).joinpath(name).read_text().count("-- name: ")
    for text in statements.values():
        assert re.match(
            r"-- [A-Z].*\.\n", text.split("\nSELECT")[0].split("\nWITH")[0].split("\nDO")[0] + "\n", re.DOTALL
        )
        assert not text.endswith(";")


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        load_statements("tenantry.postgres", "catalog.sql")["no_such_statement"]
