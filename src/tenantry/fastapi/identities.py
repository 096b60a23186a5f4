"""From an assertion to a user: the tenant it is for, and the row of whom it names, made at the first sign-in.

    tenant = await find_tenant_of(database, User, assertion)
    async with database.tenant(tenant) as work:
        user = await find_or_make(work, User, assertion)

Invariant: an identity is one user, in one tenant. An address that belongs to another identity, or to a user of another
tenant, is refused by its unique index; whoever was entered by hand gets an identity once.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Table, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.assertions import Assertion
from tenantry.fastapi.identity_record import IdentityRecord
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.rows import put
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import declaration_of

__all__ = ["find_or_make", "find_tenant_of"]

User = TypeVar("User", bound=IdentityRecord)


async def find_tenant_of(database: Database, model: type[IdentityRecord], assertion: Assertion) -> Any:
    """Return the tenant that an assertion names, else that of the user who has its e-mail address.

    Raises:
        Problem: 422, it names none, and nobody has that address.
    """
    if assertion.tenant is not None:
        return assertion.tenant
    match = await database.find_tenant(model, email=assertion.email)
    if match is None:
        raise Problem(422, "organization_required", "A user's first assertion names the organisation.")
    return match.tenant


async def find_or_make(work: AsyncSession, model: type[User], assertion: Assertion) -> User:
    """Return the user whom an assertion names, with what it says of the user, in the tenant of the unit of work."""
    identity = {"sso_provider": assertion.provider, "sso_id": assertion.sub}
    known = {"email": assertion.email, "name": assertion.name, "last_login": func.now()}
    known |= {"role": assertion.role} if assertion.role else {}
    entered = update(model).where(model.email == assertion.email, model.sso_id.is_(None))
    await work.execute(entered.values(**identity), execution_options={"synchronize_session": False})
    table: Table = model.__table__  # type: ignore[attr-defined]
    return await put(work, model, [str(declaration_of(table).tenant_column), *identity], identity, known)
