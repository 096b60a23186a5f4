from __future__ import annotations

from tenantry.address import Address, Host
from tenantry.postgres.dial import Session

ADDRESS = Address((Host("db"),), "items", "me")


def test_the_login_need_not_become_itself() -> None:
    session = Session("test", "me", {"statement_timeout": "1"})
    assert session.settings_for("me") == {"statement_timeout": "1"}
    assert session.settings_for("other") == {"statement_timeout": "1", "role": "me"}


def test_a_name_in_the_address_wins() -> None:
    session = Session("test")
    assert session.name_for(ADDRESS) == "test"
    assert session.name_for(ADDRESS.replace(parameters={"application_name": "theirs"})) == "theirs"
