"""The scope of one unit of work: which tenant, with which keys, and how that reaches the database.

A tenant is checked once, here, against the tenant column's type; what comes out is the literal of the one `SET LOCAL`
that rides in BEGIN's message. `SET LOCAL` ends with its transaction, so that nothing of a tenant can be left on a
connection.
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
from tenantry.tenancy.signer import Signer

__all__ = ["EXECUTION_OPTION", "Scope", "executing", "parse_tenant"]

EXECUTION_OPTION = "tenantry_scope"

LONGEST_TENANT = 255


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """What one unit of work may touch.

    `tenant` is None where no tenant is bound: statements on tenant tables are then refused unless `is_admin`.
    """

    tenancy: Tenancy
    tenant: str | int | uuid.UUID | None = None
    key_ring: KeyRing | None = dataclasses.field(default=None, repr=False)
    is_admin: bool = False
    signer: Signer | None = dataclasses.field(default=None, repr=False)

    @property
    def preamble(self) -> str:
        """The statement that binds the tenant inside a transaction; '' where there is no tenant.

        Where the service signs, it is made for each transaction, and is a secret while it lasts.
        """
        if self.tenant is None:
            return ""
        if self.signer is not None:
            return self.signer.statement(self.tenancy.setting, str(self.tenant))
        if self.tenancy.signed_context:
            raise errors.ConfigurationError(
                "The service signs its tenants, and this scope was made without its keys.",
                remedy="Take it from `Database.scope(tenant)`.",
            )
        return f"SET LOCAL {self.tenancy.setting} = {sql.literal(str(self.tenant)).lstrip()}"


# The scope of the statement that is being executed, set for the moment in which its parameters are bound.
executing: ContextVar[Scope | None] = ContextVar("tenantry_executing", default=None)


def parse_tenant(value: object, column_type: TypeEngine[Any]) -> str | int | uuid.UUID:
    """Return `value` as a tenant of the tenant column's type.

    Raises:
        TenantRequired: there is no value: None, or text without a character.
        TenantInvalid: the value cannot be a tenant of that type.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise errors.TenantRequired("No tenant was given.", remedy="Open the unit of work with the tenant it is for.")
    try:
        return _convert(value, column_type)
    except ValueError as error:
        kind = type(column_type).__name__
        raise errors.TenantInvalid(
            f"The tenant is not a valid {kind}.", why=str(error), remedy="Pass the tenant as it stands in its column."
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
        raise ValueError("It holds a character that cannot be printed.")
    if value != value.strip():
        raise ValueError("It begins or ends with a space.")
    return value


def _integer(text: str) -> int:
    # int() also takes underscores, spaces and other scripts' digits: two spellings of one tenant.
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise ValueError("It is not a decimal number.")
    return int(text)
