"""Every error that Tenantry raises, in one tree.

    TenantryError
    |-- ConfigurationError          a variable, a file or a declaration is missing or wrong
    |   |-- SecretUnavailable       the store of secrets did not return the credentials
    |   `-- DeclarationError        a model does not declare its tenancy, or declares what cannot be isolated
    |-- ServerError                 the embedded PostgreSQL could not be created, started or stopped
    |   |-- BinariesMissing
    |   |-- DataDirectoryUnusable
    |   `-- PortInUse
    |-- DatabaseUnavailable         no server answered at the address within the time limit
    |   `-- PoolTimeout             every connection of the pool is in use
    |-- OutcomeUnknown              COMMIT was sent, and its answer was lost
    |-- UnsafeRole                  the role could bypass row security
    |-- ContextRefused              the database refuses the signature of the tenant
    |-- TenancyError                the unit of work was used in a way that cannot be isolated
    |   |-- TenantRequired
    |   |-- TenantInvalid
    |   |-- AutocommitRefused
    |   |-- ReadOnly
    |   |-- SessionEnded
    |   `-- TransactionRequired
    |-- DecryptionFailed            an encrypted value was moved or damaged, or its key is not configured
    `-- MigrationError              a revision cannot be run or would not do what it says
        |-- RevisionFailed          upgrade() or downgrade() of a revision raised an error
        |-- RevisionsInvalid        the files of the revisions do not form one history
        |   `-- SeveralHeads
        |-- DatabaseAhead           the database has a revision that this checkout does not have
        |-- MigrationLocked
        `-- ExtensionMissing

Each error says what happened, why, and how to fix it. Its `code` is stable: problem+json and `--json` contain it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class TenantryError(Exception):
    """Base class of all errors of Tenantry.

    `what` is a sentence that says what failed, `why` is the reason if it is known, and `remedy` is how to fix it. They
    never contain a secret.
    """

    code: ClassVar[str] = "tenantry"

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy

    @property
    def details(self) -> Mapping[str, object] | None:
        """What a program needs beyond the sentences, such as a file and a line; None for most errors."""
        return None

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.remedy) if part)


class ConfigurationError(TenantryError):
    """A setting is missing or wrong; `variable` names the environment variable, if one is the cause."""

    code = "configuration"

    def __init__(self, what: str, *, variable: str = "", why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.variable = variable


class SecretUnavailable(ConfigurationError):
    """The store of secrets did not return the database's credentials."""

    code = "secret_unavailable"


class DeclarationError(ConfigurationError):
    """A mapped table does not declare its tenancy, or declares what the database cannot isolate."""

    code = "declaration"


class ServerError(TenantryError):
    """The embedded PostgreSQL could not be created, started or stopped."""

    code = "server"


class BinariesMissing(ServerError):
    """No PostgreSQL programs were found for the requested version."""

    code = "binaries_missing"


class DataDirectoryUnusable(ServerError):
    """The data directory cannot be written, belongs to another major version, or contains other files."""

    code = "data_directory_unusable"


class PortInUse(ServerError):
    """Another process listens on the requested port."""

    code = "port_in_use"


class DatabaseUnavailable(TenantryError):
    """No database answered at the address within the deadline.

    `is_repeatable` is True if the unit of work has certainly changed nothing, so that it may be repeated.
    """

    code = "database_unavailable"

    def __init__(self, what: str, *, why: str = "", remedy: str = "", is_repeatable: bool = False) -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.is_repeatable = is_repeatable


class PoolTimeout(DatabaseUnavailable):
    """No connection became free within the pool's timeout."""

    code = "pool_timeout"


class OutcomeUnknown(TenantryError):
    """The connection broke after COMMIT was sent: the transaction may or may not be committed."""

    code = "outcome_unknown"


class UnsafeRole(TenantryError):
    """The role that would serve requests is a superuser, owns tables, or may bypass row security."""

    code = "unsafe_role"


class ContextRefused(TenantryError):
    """The database refuses the signed tenant context: it does not have the key, or the clocks differ too much."""

    code = "context_refused"


class TenancyError(TenantryError):
    """The unit of work was used in a way that cannot be isolated."""

    code = "tenancy"


class TenantRequired(TenancyError):
    """A statement on tenant rows has no tenant; it was not sent."""

    code = "tenant_required"


class TenantInvalid(TenancyError):
    """The value given as a tenant is empty, malformed, or not of the tenant column's type."""

    code = "tenant_invalid"


class AutocommitRefused(TenancyError):
    """A tenant cannot be bound where every statement is its own transaction."""

    code = "autocommit_refused"


class ReadOnly(TenancyError):
    """A read-only session got a statement that writes; it was not sent."""

    code = "read_only"


class SessionEnded(TenancyError):
    """A session was used after its unit of work had ended; nothing was sent, and nothing would have been saved."""

    code = "session_ended"


class TransactionRequired(TenancyError):
    """The driver's connection was used before the transaction of its unit of work began; nothing was sent."""

    code = "transaction_required"


class DecryptionFailed(TenantryError):
    """An encrypted value was moved to another table, column or tenant, was damaged, or its key is not configured."""

    code = "decryption_failed"


class MigrationError(TenantryError):
    """A revision cannot be run here, or would not do what it says."""

    code = "migration"


class RevisionFailed(MigrationError):
    """`upgrade()` or `downgrade()` of a revision raised an error; `applied` lists the revisions that stay applied."""

    code = "revision_failed"

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        remedy: str = "",
        revision: str = "",
        path: str = "",
        line: int | None = None,
        statement: str = "",
        sqlstate: str | None = None,
        applied: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.revision = revision
        self.path = path
        self.line = line
        self.statement = statement
        self.sqlstate = sqlstate
        self.applied = applied

    @property
    def details(self) -> Mapping[str, object]:
        """The revision, its file and line, the statement, its SQLSTATE, and the revisions that stay applied."""
        return {
            "revision": self.revision,
            "path": self.path or None,
            "line": self.line,
            "statement": self.statement or None,
            "sqlstate": self.sqlstate,
            "applied": list(self.applied),
        }


class RevisionsInvalid(MigrationError):
    """The files of the revisions do not form one history: a file is missing, damaged, or there twice."""

    code = "revisions_invalid"

    def __init__(self, what: str, *, why: str = "", remedy: str = "", paths: tuple[str, ...] = ()) -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.paths = paths

    @property
    def details(self) -> Mapping[str, object]:
        """The files that are wrong."""
        return {"paths": list(self.paths)}


class SeveralHeads(RevisionsInvalid):
    """Several revisions are the newest, because two of them follow the same revision."""

    code = "several_heads"


class DatabaseAhead(MigrationError):
    """The database has a revision that the folder of revisions does not have."""

    code = "database_ahead"


class MigrationLocked(MigrationError):
    """Another process migrated this database and did not finish in time."""

    code = "migration_locked"


class ExtensionMissing(MigrationError):
    """The server has no files for an extension that a revision needs."""

    code = "extension_missing"
