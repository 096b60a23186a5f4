"""The settings that every service has: its database, its pool and its keys.

If several variables give the address, the order of precedence is: AWS secret, mounted file, `DATABASE_URL`, `DB_*`.
Without an address, the service uses the embedded server. So a blank variable for the address is an error.
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

# Each libpq keyword, and the field that gives it when the address is set in parts.
_PARTS = {
    "host": "db_host",
    "port": "db_port",
    "dbname": "db_name",
    "user": "db_user",
    "password": "db_password",
    "sslmode": "database_sslmode",
    "sslrootcert": "database_sslrootcert",
}

# Each of these fields means that the service does not use the embedded server. Other fields have defaults.
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
    """Settings of a service with a database. A service subclasses this, sets `env_prefix` and adds its own fields.

    Attributes:
        default_parts: defaults for the parts of an address, by libpq keyword. They apply if any part is set.
    """

    silencing: ClassVar[tuple[str, ...]] = _ADDRESS_FIELDS
    default_parts: ClassVar[Mapping[str, str]] = {}

    environment: Literal["development", "test", "production"] = Field(
        default="production", description="Environment of the service; development logs every SQL statement."
    )

    database_url: SecretStr | None = Field(
        default=None,
        description="URL of the application's login, postgresql://user:password@host:5432/database; "
        "separate hosts by commas.",
    )
    migration_database_url: SecretStr | None = Field(
        default=None, description="URL of the login that migrates. Default: the application's login."
    )
    admin_database_url: SecretStr | None = Field(
        default=None, description="URL of the login that works across tenants. Default: the application's login."
    )
    database_url_file: Path | None = Field(
        default=None,
        description="File with the URL, or with the JSON of AWS; read again when the login is refused.",
    )
    database_secret: str | None = Field(
        default=None,
        description="Name or ARN of a secret in AWS Secrets Manager; read again when the login is refused.",
    )
    aws_region: str | None = Field(
        default=None, description="Region of the secret. Default: the region of the ARN or of the AWS environment."
    )
    db_host: str | None = Field(default=None, description="Host of the database, when the address is set in parts.")
    db_port: int = Field(default=5432, ge=1, le=65535, description="Port of the database.")
    db_name: str | None = Field(default=None, description="Name of the database.")
    db_user: str | None = Field(default=None, description="Login of the application.")
    db_password: SecretStr | None = Field(default=None, description="Password of the application's login.")
    database_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None,
        description="sslmode of every address that sets no TLS option. Default: prefer, as in libpq.",
    )
    database_sslrootcert: Path | None = Field(
        default=None,
        description="File with the trusted certificate authorities. Default for verify-full: the system's authorities.",
    )

    database_pool_size: int = Field(default=5, ge=1, description="Connections that each process keeps open.")
    database_max_overflow: int = Field(
        default=15, ge=0, description="Further connections that each process opens under load."
    )
    database_pool_idle_timeout: PositiveSeconds = Field(
        default=300.0, description="Seconds after which an idle connection beyond the pool size is closed."
    )
    database_pool_timeout: PositiveSeconds = Field(
        default=5.0,
        description="Maximum seconds to get a connection: the wait for a free one, the ping and the opening together.",
    )
    database_pool_recycle: PositiveSeconds = Field(
        default=1800.0,
        description="Maximum age of a connection, in seconds; reduced at random by up to 10 % for each connection.",
    )
    database_connect_timeout: PositiveSeconds = Field(
        default=30.0, description="Maximum seconds to open a connection. A shorter pool timeout takes precedence."
    )
    database_statement_timeout: Seconds = Field(
        default=30.0, description="Seconds after which the server cancels a statement; 0 means never."
    )
    database_idle_in_transaction_timeout: Seconds = Field(
        default=60.0,
        description="Seconds after which the server ends a session that is idle in a transaction; 0 means never.",
    )
    database_echo: bool | None = Field(
        default=None, description="Log every SQL statement. Default: true in development only."
    )
    database_wait: Seconds = Field(
        default=0.0, description="Seconds to wait for the database at start; 0 means no wait."
    )

    encryption_keys: SecretStr | None = Field(
        default=None,
        description="Keys of encrypted columns, id:base64key, separated by commas; the first key encrypts.",
    )
    encryption_key_file: Path | None = Field(
        default=None, description="File with the encryption keys; it takes precedence over the variable."
    )
    context_keys: SecretStr | None = Field(
        default=None, description="Keys that sign the tenant, id:base64key, separated by commas; the first key signs."
    )
    context_key_file: Path | None = Field(
        default=None, description="File with the signing keys; it takes precedence over the variable."
    )

    # Cached sources, so that all callers share one cache and one request to the store.
    _sources: dict[str, AddressSource] = PrivateAttr(default_factory=dict)

    def source(self, purpose: Purpose = "application") -> AddressSource | None:
        """Return the source of the address for a purpose; None if no address is set, which means the embedded server.

        A purpose without its own address uses the application's.
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
        """True if the purpose has its own login; False if it uses the application's login and SET ROLE."""
        return purpose == "application" or getattr(self, f"{purpose}_database_url") is not None

    def key_ring(self) -> KeyRing | None:
        """Return the keys of encrypted columns; None if no keys are set.

        Raises:
            ConfigurationError: the keys are malformed, or their file cannot be read.
        """
        return self._ring(KeyRing, "encryption_keys", "encryption_key_file")

    def signing_ring(self) -> SigningRing | None:
        """Return the keys that sign the tenant; None if no keys are set.

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
                f"{variable} is blank.",
                variable=variable,
                remedy=f"Set {variable} to a value, or remove it to use the embedded server.",
            )
        return values

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Parse all values that need no file and no network, so that a mistake stops the service at its start."""
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
        # Not Address.parse, because container services also pass the JSON of a secret in a variable.
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
        hint = f"Add it to the secret's JSON, or set {self.variable('db_host')} and {self.variable('db_name')}."
        return Origin(self.variable(field), hint=hint)

    def _keep(self, source: AWSSource | FileSource) -> AddressSource:
        return self._sources.setdefault(f"{source!r} {sorted(self._keywords(with_login=False).items())}", source)
