"""The scope of one unit of work: its tenant, its keys, and the SQL that binds the tenant.

`parse_tenant` checks a tenant against the tenant column's type. The scope's `SET LOCAL` is sent in BEGIN's message and
ends with its transaction, so that no tenant stays bound to a connection.
"""

from __future__ import annotations

import dataclasses
import uuid
from contextvars import ContextVar
from typing import Any

from sqlalchemy import BigInteger, Integer, SmallInteger, Uuid
from sqlalchemy.types import TypeEngine

from tenantry import errors, sql
from tenantry.secrets.key_ring import KeyRing
from tenantry.tenancy.declarations import Tenancy
from tenantry.tenancy.signed_context.signer import Signer

__all__ = ["EXECUTION_OPTION", "Scope", "executing", "parse_tenant"]

EXECUTION_OPTION = "tenantry_scope"

LONGEST_TENANT = 255


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """The tables and rows that one unit of work may use.

    If `tenant` is None, no tenant is bound, and statements on tenant tables are refused unless `is_admin`.
    """

    tenancy: Tenancy
    tenant: str | int | uuid.UUID | None = None
    key_ring: KeyRing | None = dataclasses.field(default=None, repr=False)
    is_admin: bool = False
    signer: Signer | None = dataclasses.field(default=None, repr=False)

    @property
    def preamble(self) -> str:
        """The statement that binds the tenant inside a transaction; '' without a tenant.

        If the service signs its tenants, the statement is new for each transaction, and secret until it expires.
        """
        if self.tenant is None:
            return ""
        if self.signer is not None:
            return self.signer.statement(self.tenancy.setting, str(self.tenant))
        if self.tenancy.signed_context:
            raise errors.ConfigurationError(
                "The service signs its tenants, but this Scope has no signer.",
                remedy="Create it with `Database.scope(tenant)`.",
            )
        return f"SET LOCAL {self.tenancy.setting} = {sql.literal(str(self.tenant)).lstrip()}"


# The scope of the current statement, for `EncryptedText`, which binds parameters.
executing: ContextVar[Scope | None] = ContextVar("tenantry_executing", default=None)


def parse_tenant(value: object, column_type: TypeEngine[Any]) -> str | int | uuid.UUID:
    """Return `value` as a tenant of the tenant column's type.

    Raises:
        TenantRequired: the value is None or blank.
        TenantInvalid: the value cannot be a tenant of that type.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise errors.TenantRequired(
            "The tenant of the unit of work is None or blank.", remedy="Pass a tenant to `database.tenant(...)`."
        )
    try:
        return _convert(value, column_type)
    except ValueError as error:
        kind = type(column_type).__name__
        raise errors.TenantInvalid(
            f"The tenant is not a valid {kind}.",
            why=str(error).rstrip(".") + ".",
            remedy="Pass the value of the tenant column.",
        ) from error


def _convert(value: object, column_type: TypeEngine[Any]) -> str | int | uuid.UUID:
    if isinstance(column_type, Uuid):
        return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
    if isinstance(column_type, Integer):
        number = value if isinstance(value, int) and not isinstance(value, bool) else _integer(str(value))
        bits = 64 if isinstance(column_type, BigInteger) else 16 if isinstance(column_type, SmallInteger) else 32
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError(f"It does not fit in {bits} bits.")
        return number
    if not isinstance(value, str):
        raise ValueError(f"It is a {type(value).__name__}, not a string.")  # noqa: TRY004  (one error for all)
    longest = getattr(column_type, "length", None) or LONGEST_TENANT
    if len(value) > longest:
        raise ValueError(f"It is longer than {longest} characters.")
    if not value.isprintable():
        raise ValueError("It contains a character that cannot be printed.")
    if value != value.strip():
        raise ValueError("It begins or ends with a space.")
    return value


def _integer(text: str) -> int:
    # int() also accepts underscores, spaces and digits of other scripts, so one tenant would have several spellings.
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise ValueError("It is not a decimal number.")
    return int(text)
