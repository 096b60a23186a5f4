"""Criterion 1: the server stands in `compose.yaml`; tests/acceptance/readme runs what its containers are told."""

from __future__ import annotations

from composition import check_chain, check_server


def test_the_server_is_a_container() -> None:
    """Criterion 1: PostgreSQL 15 beside the other services, for the application that is migrated when it starts."""
    check_server("accounts-postgres", image="postgres:15", database="accounts")
    check_chain("accounts", "accounts-postgres")
