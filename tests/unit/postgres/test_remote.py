from __future__ import annotations

import socket

import pytest

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.remote import RemoteServer


@pytest.fixture
def address() -> Address:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return Address.parse(f"postgresql://somebody:hidden-word@127.0.0.1:{port}/items")


def test_a_lease_holds_nothing_and_promises_nothing(address: Address) -> None:
    """Whether anybody answers is the business of the one who connects."""
    server = RemoteServer(address)
    with server.lease() as lease:
        lease.close()
    assert server.status().running is False


def test_the_status_shows_the_address_without_its_password(address: Address) -> None:
    status = RemoteServer(address).status()
    assert (status.kind, status.version, status.pid, status.data_directory) == ("remote", None, None, None)
    assert status.address == address
    assert "hidden-word" not in repr(status)


def test_it_is_not_stopped_by_us(address: Address) -> None:
    with pytest.raises(errors.ServerError, match="Tenantry does not run this server") as caught:
        RemoteServer(address).stop()
    assert "hidden-word" not in str(caught.value)


def test_an_address_keeps_what_is_not_asked_to_change(address: Address) -> None:
    server = RemoteServer(address)
    assert server.address() == address
    other = server.address("accounts", "app_user")
    assert (other.database, other.user, other.hosts) == ("accounts", "app_user", address.hosts)
