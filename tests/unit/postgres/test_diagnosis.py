from __future__ import annotations

import socket
import ssl

import asyncpg
import pytest
from pydantic import SecretStr

from tenantry.address import Address, Host
from tenantry.postgres.diagnosis import REMEDIES, SILENT, Prospect, explain, prospect_of

ADDRESS = Address((Host("db.example"),), "items", "me", SecretStr("hunter2"))


def by_state(state: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": state, "M": "made up", "S": "FATAL"})


FAILURES: list[tuple[Exception, Prospect]] = [
    (by_state("28P01"), Prospect.CREDENTIALS),
    (by_state("28000"), Prospect.CREDENTIALS),
    (by_state("57P03"), Prospect.TIME),
    (by_state("53300"), Prospect.TIME),
    (by_state("08006"), Prospect.TIME),
    (by_state("08P01"), Prospect.NOTHING),
    (by_state("3D000"), Prospect.NOTHING),
    (by_state("42501"), Prospect.NOTHING),
    (by_state("22023"), Prospect.NOTHING),
    (asyncpg.TargetServerAttributeNotMatched("x"), Prospect.TIME),
    (ConnectionRefusedError(), Prospect.TIME),
    (ConnectionResetError(), Prospect.TIME),
    (FileNotFoundError(), Prospect.TIME),
    (TimeoutError(), Prospect.TIME),
    (socket.gaierror(), Prospect.TIME),
    (PermissionError(), Prospect.NOTHING),
    (ConnectionError("rejected SSL upgrade"), Prospect.NOTHING),
    (ConnectionError("unexpected connection_lost() call"), Prospect.TIME),
    (ConnectionError("a text that a later asyncpg may have"), Prospect.TIME),
    (by_state("08003"), Prospect.TIME),
    (ssl.SSLCertVerificationError(), Prospect.NOTHING),
    (ssl.SSLError(), Prospect.NOTHING),
    (asyncpg.InterfaceError("x"), Prospect.NOTHING),
]


@pytest.mark.parametrize(("error", "prospect"), FAILURES, ids=lambda value: type(value).__name__)
def test_every_failure_is_told_with_its_prospect_and_without_the_password(error: Exception, prospect: Prospect) -> None:
    told = explain(error, ADDRESS)
    assert prospect_of(error) is prospect
    assert "db.example" in told.what
    assert told.why
    assert told.remedy
    assert "hunter2" not in str(told)
    assert "{" not in str(told)


def test_every_reason_has_a_sentence_of_its_own() -> None:
    """The kinds of a broken connection, of a closed one, and of an address without a server share theirs."""
    sentences = [why for why, _ in REMEDIES.values()] + [why for _, why, _ in SILENT]
    shared = {
        "No server listens at this address.",
        "The connection broke ({name}).",
        "The connection was closed before the server answered.",
    }
    own = [sentence for sentence in sentences if sentence not in shared]
    assert len(own) == len(set(own))


def test_a_refused_role_is_told_apart_from_a_refused_login() -> None:
    error = by_state("42501")
    assert "may not SET ROLE to 'app'" in explain(error, ADDRESS, role="app").why
    assert "has no CONNECT privilege" in explain(error, ADDRESS).why
    error.server_source_function = "CheckMyDatabase"
    assert "has no CONNECT privilege" in explain(error, ADDRESS, role="app").why


def test_an_authority_that_may_not_sign_is_told_with_what_its_certificate_needs() -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "invalid CA certificate"
    told = explain(error, ADDRESS)
    assert "invalid CA certificate" in told.why
    assert "CA:TRUE" in told.remedy
    assert "keyCertSign" in told.remedy
