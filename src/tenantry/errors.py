"""Every error that Tenantry raises, in one tree.

    TenantryError
    |-- ConfigurationError          a variable, a file or a declaration is missing or wrong
    |   |-- SecretUnavailable       the place that should hold the credentials did not answer
    |   `-- DeclarationError        a model does not say what it is, or says what cannot be isolated
    |-- ServerError                 the PostgreSQL that we run ourselves
    |   |-- BinariesMissing
    |   |-- DataDirectoryUnusable
    |   `-- PortInUse
    |-- DatabaseUnavailable         no server answers at the address, or not in time
    |   `-- PoolTimeout             every connection of the pool is in use
    |-- OutcomeUnknown              COMMIT was sent, and its answer was lost
    |-- UnsafeRole                  the login could step over row security
    |-- ContextRefused              the database does not take what the service signs tenants with
    |-- TenancyError                the unit of work was used in a way that cannot be isolated
    |   |-- TenantRequired
    |   |-- TenantInvalid
    |   |-- AutocommitRefused
    |   `-- ReadOnly
    |-- DecryptionFailed            a sealed value was moved, damaged, or its key is not in the ring
    `-- MigrationError              a revision cannot be run or would not do what it says
        |-- MigrationLocked
        `-- ExtensionMissing

Each says what happened, why, and what to do next. Its `code` is stable: scripts, problem+json and `--json` carry it.
"""

from __future__ import annotations

from typing import ClassVar


class TenantryError(Exception):
    """Base of all our errors.

    `what` is the sentence that names the thing that failed; `why` the reason, when known; `remedy` what to do next.
    None of the three may hold a secret.
    """

    code: ClassVar[str] = "tenantry"

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.remedy) if part)


class ConfigurationError(TenantryError):
    """A setting is missing or wrong; `variable` names the environment variable, when one is to blame."""

    code = "configuration"

    def __init__(self, what: str, *, variable: str = "", why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.variable = variable


class SecretUnavailable(ConfigurationError):
    """The store of secrets did not give the database's credentials."""

    code = "secret_unavailable"


class DeclarationError(ConfigurationError):
    """A mapped table does not declare its tenancy, or declares what the database could not isolate."""

    code = "declaration"


class ServerError(TenantryError):
    """The embedded PostgreSQL could not be made, started or stopped."""

    code = "server"


class BinariesMissing(ServerError):
    """No PostgreSQL programs were found for the version asked for."""

    code = "binaries_missing"


class DataDirectoryUnusable(ServerError):
    """The data folder cannot be written, belongs to another major version, or is not a data folder."""

    code = "data_directory_unusable"


class PortInUse(ServerError):
    """Another process listens on the port that was asked for."""

    code = "port_in_use"


class DatabaseUnavailable(TenantryError):
    """No database answered at the address within the deadline.

    `is_repeatable` is True where a unit of work is known to have changed nothing, so that it may be repeated.
    """

    code = "database_unavailable"

    def __init__(self, what: str, *, why: str = "", remedy: str = "", is_repeatable: bool = False) -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.is_repeatable = is_repeatable


class PoolTimeout(DatabaseUnavailable):
    """No connection became free within the pool's timeout."""

    code = "pool_timeout"


class OutcomeUnknown(TenantryError):
    """The connection broke after COMMIT was sent: the transaction may or may not be in the database."""

    code = "outcome_unknown"


class UnsafeRole(TenantryError):
    """The role that would serve requests is a superuser, an owner, or may bypass row security."""

    code = "unsafe_role"


class ContextRefused(TenantryError):
    """The database refuses the signed tenant context: it does not know the key, or the clocks are far apart."""

    code = "context_refused"


class TenancyError(TenantryError):
    """The unit of work was used in a way that cannot be isolated."""

    code = "tenancy"


class TenantRequired(TenancyError):
    """A statement on tenant rows was about to be sent without a tenant; nothing was sent."""

    code = "tenant_required"


class TenantInvalid(TenancyError):
    """The value given as a tenant is empty, malformed, or not of the tenant column's type."""

    code = "tenant_invalid"


class AutocommitRefused(TenancyError):
    """A tenant cannot be bound where every statement is its own transaction."""

    code = "autocommit_refused"


class ReadOnly(TenancyError):
    """A statement that writes was given to a read-only session; nothing was sent."""

    code = "read_only"


class DecryptionFailed(TenantryError):
    """An encrypted value was moved to another row or column, was damaged, or its key is not in the ring."""

    code = "decryption_failed"


class MigrationError(TenantryError):
    """A revision cannot be run here, or would not do what it says."""

    code = "migration"


class MigrationLocked(MigrationError):
    """Another process is migrating this database and did not finish in time."""

    code = "migration_locked"


class ExtensionMissing(MigrationError):
    """The server has no files for an extension that a revision needs."""

    code = "extension_missing"
