"""The settings that every service has: its database, its pool, its keys.

Where several places give the address, the order is: AWS secret, mounted file, `DATABASE_URL`, `DB_*`. Without an
address the service runs on the embedded server. So a variable for the address that is blank is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from tenantry import errors
from tenantry.address import TLS, Address, Origin
from tenantry.secrets import AddressSource, AWSSource, FileSource, KeyRing, SigningRing, StaticSource
from tenantry.secrets.document import read_document
from tenantry.secrets.file import read_text
from tenantry.settings.base import EnvironmentSettings

Purpose = Literal["application", "migration", "admin"]

_Ring = TypeVar("_Ring", KeyRing, SigningRing)

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

# libpq's keyword, and the field that holds it where the address is given in parts.
_PARTS = {
    "host": "db_host",
    "port": "db_port",
    "dbname": "db_name",
    "user": "db_user",
    "password": "db_password",
    "sslmode": "database_sslmode",
    "sslrootcert": "database_sslrootcert",
}

# What says by itself that the database is elsewhere; the other parts have defaults or only add to these.
_ADDRESS_FIELDS = (
    "database_secret",
    "database_url_file",
    "database_url",
    "db_host",
    "db_name",
    "db_user",
    "db_password",
)


class DatabaseSettings(EnvironmentSettings):
    """Settings of a service with a database; a service subclasses this with its `env_prefix` and adds its own.

    Attributes:
        default_parts: what the parts of an address are, by libpq's keyword, that are not given where another one is.
    """

    silencing: ClassVar[tuple[str, ...]] = _ADDRESS_FIELDS
    default_parts: ClassVar[Mapping[str, str]] = {}

    environment: Literal["development", "test", "production"] = Field(
        default="production", description="Where the service runs; development logs every SQL statement."
    )

    database_url: SecretStr | None = Field(
        default=None,
        description="The application's database, postgresql://user:password@host:5432/database; hosts by commas.",
    )
    migration_database_url: SecretStr | None = Field(
        default=None, description="The database with the login that migrates; without it the application's login does."
    )
    admin_database_url: SecretStr | None = Field(
        default=None, description="The database with the login that works across tenants; without it the application's."
    )
    database_url_file: Path | None = Field(
        default=None, description="A mounted file that holds the URL, or the JSON of AWS; read again when refused."
    )
    database_secret: str | None = Field(
        default=None, description="Name or ARN of a secret in AWS Secrets Manager; asked again when refused."
    )
    aws_region: str | None = Field(
        default=None, description="Region of the secret; without it that of the ARN, or the AWS environment's."
    )
    db_host: str | None = Field(default=None, description="Host of the database, where the address is given in parts.")
    db_port: int = Field(default=5432, ge=1, le=65535, description="Port of the database.")
    db_name: str | None = Field(default=None, description="Name of the database.")
    db_user: str | None = Field(default=None, description="Login of the application.")
    db_password: SecretStr | None = Field(default=None, description="Password of that login.")
    database_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None,
        description="TLS for every address that says nothing of TLS itself; without it prefer, as in libpq.",
    )
    database_sslrootcert: Path | None = Field(
        default=None, description="The authority to trust for it; without it verify-full uses the system's."
    )

    database_pool_size: int = Field(default=5, ge=1, description="Connections kept open by each process.")
    database_max_overflow: int = Field(default=15, ge=0, description="Connections opened beyond those under load.")
    database_pool_idle_timeout: PositiveSeconds = Field(
        default=300.0, description="Seconds after which an idle connection beyond the pool's size is closed."
    )
    database_pool_timeout: PositiveSeconds = Field(
        default=5.0, description="Seconds to get a connection: waiting for a free one, or opening one, in all."
    )
    database_pool_recycle: PositiveSeconds = Field(
        default=1800.0, description="Seconds after which a connection is replaced, up to a tenth earlier at random."
    )
    database_connect_timeout: PositiveSeconds = Field(
        default=30.0, description="Seconds for opening a connection; in the pool, its timeout is the limit if shorter."
    )
    database_statement_timeout: Seconds = Field(
        default=30.0, description="Seconds after which the server cancels a statement; 0 never."
    )
    database_idle_in_transaction_timeout: Seconds = Field(
        default=60.0, description="Seconds after which the server ends a session idle in a transaction; 0 never."
    )
    database_echo: bool | None = Field(
        default=None, description="Log every SQL statement; without it only in development."
    )
    database_wait: Seconds = Field(
        default=0.0, description="Seconds to wait for the database at start; 0 gives up at once."
    )

    encryption_keys: SecretStr | None = Field(
        default=None, description="Keys for encrypted columns, id:base64key by commas; the first one encrypts."
    )
    encryption_key_file: Path | None = Field(
        default=None, description="A mounted file with the same; it is preferred to the variable."
    )
    context_keys: SecretStr | None = Field(
        default=None, description="Keys that sign the tenant, id:base64key by commas; the first one signs."
    )
    context_key_file: Path | None = Field(
        default=None, description="A mounted file with the same; it is preferred to the variable."
    )

    # Sources that cache are kept, so that all who ask share one cache and one request to the store.
    _sources: dict[str, AddressSource] = PrivateAttr(default_factory=dict)

    def source(self, purpose: Purpose = "application") -> AddressSource | None:
        """Return where the address for a purpose comes from; None if nothing is given: the embedded server.

        A purpose without an address of its own has the application's.
        """
        if purpose != "application" and (own := self._parse_url(f"{purpose}_database_url")):
            return StaticSource(own)
        if self.database_secret is not None:
            return self._keep(
                AWSSource(
                    self.database_secret,
                    region=self.aws_region,
                    defaults=self._keywords(with_login=False),
                    origin=self._stored_origin("database_secret"),
                )
            )
        if self.database_url_file is not None:
            return self._keep(
                FileSource(
                    self.database_url_file,
                    defaults=self._keywords(with_login=False),
                    origin=self._stored_origin("database_url_file"),
                )
            )
        address = self._parse_url("database_url") or self._parse_parts()
        return StaticSource(address) if address else None

    def is_separate(self, purpose: Purpose) -> bool:
        """True if the purpose has a login of its own, not one that reaches its role from the application's."""
        return purpose == "application" or getattr(self, f"{purpose}_database_url") is not None

    def key_ring(self) -> KeyRing | None:
        """Return the keys for encrypted columns, None if no keys are given.

        Raises:
            ConfigurationError: the keys are malformed, or their file cannot be read.
        """
        return self._ring(KeyRing, "encryption_keys", "encryption_key_file")

    def signing_ring(self) -> SigningRing | None:
        """Return the keys that sign the tenant, None if no keys are given.

        Raises:
            ConfigurationError: the keys are malformed, or their file cannot be read.
        """
        return self._ring(SigningRing, "context_keys", "context_key_file")

    @property
    def is_echoing(self) -> bool:
        """True if SQL statements are logged."""
        return self.environment == "development" if self.database_echo is None else self.database_echo

    @model_validator(mode="before")
    @classmethod
    def _refuse_blank_address(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given = {name: value for name, value in values.items() if name in _ADDRESS_FIELDS}
        blank = [name for name, value in given.items() if isinstance(value, str) and not value.strip()]
        if blank and len(blank) == len(given):
            variable = cls.variable(blank[0])
            raise errors.ConfigurationError(
                f"{variable} is blank; give it a value, or remove it to use the embedded server.", variable=variable
            )
        return values

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Read all that needs no file and no network, so that a mistake stops the service at its start."""
        for field in ("database_url", "migration_database_url", "admin_database_url"):
            self._parse_url(field)
        TLS.from_keywords(self._keywords(with_login=False), self._parts_origin())
        if self.database_secret is None and self.database_url_file is None and self.database_url is None:
            self._parse_parts()
        if self.encryption_key_file is None:
            self.key_ring()
        if self.context_key_file is None:
            self.signing_ring()
        return self

    def _ring(self, kind: type[_Ring], keys_field: str, file_field: str) -> _Ring | None:
        file: Path | None = getattr(self, file_field)
        if file is not None:
            variable = self.variable(file_field)
            return kind.parse(read_text(file, variable), variable=variable)
        keys: SecretStr | None = getattr(self, keys_field)
        return None if keys is None else kind.parse(keys.get_secret_value(), variable=self.variable(keys_field))

    def _parse_url(self, field: str) -> Address | None:
        url: SecretStr | None = getattr(self, field)
        if url is None:
            return None
        # Not Address.parse: container services hand on a secret's JSON in a variable, too.
        return read_document(url.get_secret_value(), self._keywords(with_login=False), Origin(self.variable(field)))

    def _parse_parts(self) -> Address | None:
        if not any((self.db_host, self.db_name, self.db_user, self.db_password)):
            return None
        keywords = {**self.default_parts, **self._keywords(with_login=True)}
        return Address.from_keywords(keywords, self._parts_origin())

    def _keywords(self, *, with_login: bool) -> dict[str, str]:
        keywords = {}
        for keyword, field in _PARTS.items():
            value = getattr(self, field)
            if value is not None and (with_login or keyword not in {"user", "password"}):
                keywords[keyword] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        return keywords

    def _parts_origin(self) -> Origin:
        names = {keyword: self.variable(field) for keyword, field in _PARTS.items()}
        return Origin(self.variable("db_host"), names=names, hint="")

    def _stored_origin(self, field: str) -> Origin:
        hint = f"what its JSON leaves out, {self.variable('db_host')} and {self.variable('db_name')} can give"
        return Origin(self.variable(field), hint=hint)

    def _keep(self, source: AWSSource | FileSource) -> AddressSource:
        return self._sources.setdefault(f"{source!r} {sorted(self._keywords(with_login=False).items())}", source)
