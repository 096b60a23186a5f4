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

# Handed on to the server or the connection as they are; every other keyword has a field of its own.
PARAMETERS = ("application_name", "options", "connect_timeout")

_ENVIRONMENT = {"application_name": "PGAPPNAME", "options": "PGOPTIONS", "connect_timeout": "PGCONNECT_TIMEOUT"}


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Hosts to try in order, a database, a login and how to encrypt. Its repr never shows the password.

    `parameters` may hold `application_name`, `options` (a server's command-line options) and `connect_timeout` (whole
    seconds a host); `target_session_attrs` is libpq's word for which of several servers is wanted.
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
        """Read a URL or a `keyword=value` text.

        Raises:
            ConfigurationError: one sentence that names the variable and what is wrong, but no value.
        """
        origin = Origin(variable)
        return cls.from_keywords(read_keywords(text, origin), origin)

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, str], origin: Origin) -> Self:
        """Build an address from libpq's keywords.

        Host, database and user must be given: a default would be the machine's, and differ from one to the next.

        Raises:
            ConfigurationError: a keyword is missing or wrong.
        """
        for keyword in ("user", "host", "dbname"):
            if not keywords.get(keyword):
                raise origin.error("is missing" + (f"; {origin.hint}" if origin.hint else ""), keyword)
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
        """The URL without the password, fit for logs and messages."""
        return write_url(self._keywords(), self._location())

    @property
    def url(self) -> SecretStr:
        """The whole URL in libpq's spelling; `parse` reads it back to an equal address."""
        secret = {} if self.password is None else {"password": self.password.get_secret_value()}
        return SecretStr(write_url(secret | self._keywords(), self._location()))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def libpq_environment(self) -> dict[str, str]:
        """Return the variables that make `psql` or `pg_dump` connect here, the password among them.

        They go into a child's environment, never on its command line, which every user of the machine can read. Take
        the child's other PG* variables away, or a `PGSERVICE` of the caller has its say too.
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
        # Without a root, libpq would look for a file in the home folder where we use the system's store (libpq 16).
        root = self.tls.root_certificate or (SYSTEM if self.tls.mode == "verify-full" else None)
        files = {"PGSSLROOTCERT": root, "PGSSLCERT": self.tls.certificate, "PGSSLKEY": self.tls.key}
        environment |= {name: path for name, path in files.items() if path is not None}
        return environment | {_ENVIRONMENT[name]: value for name, value in self.parameters.items()}

    def __repr__(self) -> str:
        return f"Address({self.redacted!r})"

    def _keywords(self) -> dict[str, str]:
        """Return every keyword but the hosts and the password; what is at its default stays unsaid."""
        keywords = {"user": self.user, "dbname": self.database}
        if self.tls.mode != "prefer":
            keywords["sslmode"] = self.tls.mode
        files = (
            ("sslrootcert", self.tls.root_certificate),
            ("sslcert", self.tls.certificate),
            ("sslkey", self.tls.key),
        )
        keywords |= {name: path for name, path in files if path is not None}
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
