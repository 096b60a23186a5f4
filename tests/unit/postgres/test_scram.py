from __future__ import annotations

from base64 import b64decode

from tenantry.postgres.scram import scram_verifier


def test_the_verifier_is_that_of_the_rfc() -> None:
    """User "pencil" of RFC 7677, section 3; the keys derived from it prove the client's and the server's signature."""
    verifier = scram_verifier("pencil", b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_each_password_gets_a_salt_of_its_own() -> None:
    assert scram_verifier("one") != scram_verifier("one")
