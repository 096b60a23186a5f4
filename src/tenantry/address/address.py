"""The address of one database and the login for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from pydantic import SecretStr

from tenantry.address.host import DEFAULT_PORT, Host, read_hosts
from tenantry.address.origin import Origin
from tenantry.address.spelling import read_keywords, write_url
from tenantry.address.tls import SYSTEM, TLS

SESSION_ATTRIBUTES = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")

# Passed to the server or the connection unchanged. Every other keyword has its own field.
PARAMETERS = ("application_name", "options", "connect_timeout")

_ENVIRONMENT = {"application_name": "PGAPPNAME", "options": "PGOPTIONS", "connect_timeout": "PGCONNECT_TIMEOUT"}


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Hosts in the order of attempts, a database, a login and the TLS settings. The repr never shows the password.

    `parameters` may hold `application_name`, `options` (command-line options for the server) and `connect_timeout`
    (whole seconds for each host). `target_session_attrs` selects one of several servers, as in libpq.
    """

    hosts: tuple[Host, ...]
    database: str
    user: str
    password: SecretStr | None = None
    tls: TLS = field(default_factory=TLS)
    target_session_attrs: str = "any"
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str, *, variable: str = "DATABASE_URL") -> Self:
        """Parse a URL or a `keyword=value` text.

        Raises:
            ConfigurationError: the text is not an address. The error names the variable and the rule, but no value.
        """
        origin = Origin(variable)
        return cls.from_keywords(read_keywords(text, origin), origin)

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, str], origin: Origin) -> Self:
        """Build an address from libpq's keywords.

        Host, database and user are required: libpq's defaults depend on the machine.

        Raises:
            ConfigurationError: a keyword is missing or wrong.
        """
        for keyword in ("user", "host", "dbname"):
            if not keywords.get(keyword):
                raise origin.error("is missing", keyword, remedy=origin.hint)
        wanted = keywords.get("target_session_attrs") or "any"
        if wanted not in SESSION_ATTRIBUTES:
            raise origin.error(f"must be one of {', '.join(SESSION_ATTRIBUTES)}", "target_session_attrs")
        timeout = keywords.get("connect_timeout")
        if timeout and not (timeout.isascii() and timeout.isdigit()):
            raise origin.error("must be a whole number of seconds", "connect_timeout")
        password = keywords.get("password")
        return cls(
            hosts=read_hosts(keywords["host"], keywords.get("port", ""), origin),
            database=keywords["dbname"],
            user=keywords["user"],
            password=SecretStr(password) if password else None,
            tls=TLS.from_keywords(keywords, origin),
            target_session_attrs=wanted,
            parameters={name: keywords[name] for name in PARAMETERS if keywords.get(name)},
        )

    @property
    def redacted(self) -> str:
        """The URL without the password, for logs and messages."""
        return write_url(self._keywords(), self._location())

    @property
    def url(self) -> SecretStr:
        """The URL with the password, in libpq's syntax. `parse` returns an equal address for it."""
        secret = {} if self.password is None else {"password": self.password.get_secret_value()}
        return SecretStr(write_url(secret | self._keywords(), self._location()))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def libpq_environment(self) -> dict[str, str]:
        """Return the variables with which `psql` or `pg_dump` connects to this address, including the password.

        Pass them in the child's environment, never on its command line, which every user of the machine can read.
        Remove all other PG* variables from that environment: a `PGSERVICE` of the caller would add its own settings.
        """
        environment = {
            "PGHOST": ",".join(host.name for host in self.hosts),
            "PGPORT": ",".join(str(host.port) for host in self.hosts),
            "PGDATABASE": self.database,
            "PGUSER": self.user,
            "PGSSLMODE": self.tls.mode,
            "PGTARGETSESSIONATTRS": self.target_session_attrs,
        }
        if self.password is not None:
            environment["PGPASSWORD"] = self.password.get_secret_value()
        # Without a root certificate, libpq reads a file in the home folder; "system" selects the system's store, as
        # our own connections do (libpq 16).
        root = self.tls.root_certificate or (SYSTEM if self.tls.mode == "verify-full" else None)
        files = {"PGSSLROOTCERT": root, "PGSSLCERT": self.tls.certificate, "PGSSLKEY": self.tls.key}
        environment |= {name: path for name, path in files.items() if path is not None}
        if self.tls.is_direct:
            environment["PGSSLNEGOTIATION"] = "direct"
        return environment | {_ENVIRONMENT[name]: value for name, value in self.parameters.items()}

    def __repr__(self) -> str:
        return f"Address({self.redacted!r})"

    def _keywords(self) -> dict[str, str]:
        """Return every keyword except the hosts, the password and those that have their default value."""
        keywords = {"user": self.user, "dbname": self.database}
        if self.tls.mode != "prefer":
            keywords["sslmode"] = self.tls.mode
        files = (
            ("sslrootcert", self.tls.root_certificate),
            ("sslcert", self.tls.certificate),
            ("sslkey", self.tls.key),
        )
        keywords |= {name: path for name, path in files if path is not None}
        if self.tls.is_direct:
            keywords["sslnegotiation"] = "direct"
        if self.target_session_attrs != "any":
            keywords["target_session_attrs"] = self.target_session_attrs
        return keywords | dict(self.parameters)

    def _location(self) -> str:
        return ",".join(
            (
                f"[{quote(host.name, safe=':')}]"
                if ":" in host.name and not host.is_socket
                else quote(host.name, safe="")
            )
            + ("" if host.port == DEFAULT_PORT else f":{host.port}")
            for host in self.hosts
        )
