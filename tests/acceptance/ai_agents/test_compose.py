"""Criterion 1: the server stands in `compose.yaml`; tests/acceptance/readme runs what its containers are told."""

from __future__ import annotations

from composition import check_chain, check_server


def test_the_server_is_a_container() -> None:
    """Criterion 1: PostgreSQL 17 in a container, for the application that is migrated when it starts."""
    check_server("postgres", image=":pg17", database="ai_agents")
    check_chain("api", "postgres")
