"""The hosts of an address: host names, IP addresses or folders of Unix sockets, each with its port."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from tenantry.address.origin import Origin

DEFAULT_PORT = 5432
HIGHEST_PORT = 65535

# Letters of any script, because the resolver handles internationalised names. A character that could belong to a
# password is excluded.
_NAME = re.compile(r"[\w.-]+")
_BRACKETED = re.compile(r"\[([^\]]*)\](?::(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Host:
    """One server of an address. A name that begins with a slash is the folder of a Unix socket."""

    name: str
    port: int = DEFAULT_PORT

    @property
    def is_socket(self) -> bool:
        """True if the server is reached through a Unix socket, where TLS does not apply."""
        return self.name.startswith("/")


def read_hosts(names: str, ports: str, origin: Origin) -> tuple[Host, ...]:
    """Pair libpq's comma-separated `host` and `port` (manual, 34.1.1.3). A single port applies to every host.

    A host may also include its port, `h1:5432,[::1]:5433`, as in SQLAlchemy's `?host=`.

    Raises:
        ConfigurationError: a host is missing or malformed, or the ports do not match the hosts.
    """
    if not names:
        raise origin.error("is missing", "host")
    own = [_split_port(name) for name in names.split(",")]
    shared = ports.split(",") if ports else [""]
    if len(shared) == 1:
        shared *= len(own)
    if len(shared) != len(own):
        raise origin.error(f"must be one number, or one for each of the {len(own)} hosts", "port")
    return tuple(
        Host(_check_name(name, origin), _read_port(port or other, origin))
        for (name, port), other in zip(own, shared, strict=True)
    )


def _split_port(host: str) -> tuple[str, str]:
    """Return the host and its port. The port is empty if the text has no port."""
    # The folder of a socket may contain colons (/cloudsql/project:region:instance), as an IPv6 address does.
    if host.startswith("/"):
        return host, ""
    if bracketed := _BRACKETED.fullmatch(host):
        return bracketed[1], bracketed[2] or ""
    if host.count(":") == 1:
        name, _, port = host.partition(":")
        return name, port
    return host, ""


def _check_name(name: str, origin: Origin) -> str:
    if name.startswith("/") and "\0" not in name:
        return name
    if ":" in name and _is_ip(name):
        return name
    if not _NAME.fullmatch(name):
        raise origin.error("must be a host name, an IP address or the folder of a socket", "host")
    return name


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _read_port(port: str, origin: Origin) -> int:
    if not port:
        return DEFAULT_PORT
    # ASCII digits only: `\d` also matches digits of other scripts.
    if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) <= HIGHEST_PORT:
        raise origin.error(f"must be a number from 1 to {HIGHEST_PORT}", "port")
    return int(port)
