"""`Database`: one service's connections and units of work.

The invariant: a session has its scope from the first statement to the last, also after a commit, a rollback or a lost
connection. `open` checks the role before any request, because policies do not apply to a superuser, an owner or a role
with BYPASSRLS.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Literal, Self, TypeVar, overload

from sqlalchemy import MetaData, Table
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from tenantry import errors
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.endpoint import Endpoint, Purpose, resolve_endpoint
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.pool import PoolStatus, pool_status
from tenantry.postgres.probe import Probe
from tenantry.postgres.roles import Roles, check_safe, fetch_role
from tenantry.postgres.server import Server
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.context import log_tenant
from tenantry.tenancy.declarations import Isolated, declaration_of, tenancy_of
from tenantry.tenancy.ended_session import end_session
from tenantry.tenancy.guard import guard_engine
from tenantry.tenancy.lookups import TenantMatch, lookup_statement
from tenantry.tenancy.rules import check_declarations
from tenantry.tenancy.scope import Scope, parse_tenant
from tenantry.tenancy.signed_context.signer import Signer
from tenantry.tenancy.unit_of_work import INFO_KEY, AdminSession, ReadSession, TenantSession

__all__ = ["Database"]

_log = logging.getLogger("tenantry.database")

# Work across tenants is rare and slow. It has its own small pool, so that it cannot use up the connections of requests.
ADMIN_POOL_SIZE, ADMIN_MAX_OVERFLOW = 1, 2

_Session = TypeVar("_Session", bound=AsyncSession)
_Resource = TypeVar("_Resource")


class Database:
    """The database of one service.

        async with Deployment.load(service).database() as database:
            async with database.tenant("acme") as session:
                session.add(...)

    `settings` have its address. Without an address, a lease keeps `server` running while the database is open.

    Raises (on opening):
        DatabaseUnavailable: no server answered within `database_wait` seconds.
        UnsafeRole: the role that would serve requests could bypass row security.
        ContextRefused: the service signs the tenant, and the database refuses its signature.

    Raises (when made):
        DeclarationError: a model does not declare its tenancy.
    """

    def __init__(
        self, settings: DatabaseSettings, *, metadata: MetaData, roles: Roles, name: str, server: Server | None = None
    ) -> None:
        check_declarations(metadata)
        self.settings = settings
        self.roles = roles
        self.name = name
        self._metadata = metadata
        self._tenancy = tenancy_of(metadata)
        self._server = server
        self._key_ring = settings.key_ring()
        self._signer = Signer.from_settings(settings) if self._tenancy.signed_context else None
        self._engine: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None
        self._admin: AsyncEngine | None = None
        self._probe: Probe | None = None
        self._resources = AsyncExitStack()

    async def open(self) -> None:
        """Connect, and check that row security applies to the role. Unknown variables are logged."""
        for one in self.settings.unknown_variables:
            _log.warning("%s %s", one.message, one.remedy, extra={"database": self.name, "variable": one.name})
        async with AsyncExitStack() as stack:
            if self._server is not None:
                lease = await asyncio.to_thread(self._server.lease)
                stack.push_async_callback(asyncio.to_thread, lease.close)
            endpoint = self._endpoint("application")
            self._engine = self._create_engine(endpoint, PoolOptions.from_settings(self.settings))
            # The same pool and the same listeners; only its transactions are READ ONLY.
            self._reader = self._engine.execution_options(postgresql_readonly=True)
            stack.push_async_callback(self._engine.dispose)
            inquiry = self._ask_signature if self._signer is not None else None
            self._probe = Probe(endpoint.source, role=endpoint.role, inquiry=inquiry)
            stack.push_async_callback(self._probe.close)
            await self._check_session(endpoint)
            self._resources = stack.pop_all()

    async def close(self) -> None:
        """Close every connection, and release the lease of the embedded server."""
        try:
            if self._admin is not None:
                await self._admin.dispose()
            await self._resources.aclose()
        finally:
            self._engine = self._reader = self._admin = self._probe = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @property
    def is_open(self) -> bool:
        """True if the database is open for units of work."""
        return self._engine is not None

    @property
    def engine(self) -> AsyncEngine:
        """The application's engine. It refuses statements on tenant tables, which need a unit of work."""
        return _opened(self._engine)

    @property
    def probe(self) -> Probe:
        """Checks the database over a separate connection."""
        return _opened(self._probe)

    def pool_status(self) -> PoolStatus:
        """Return the state of the pool."""
        return pool_status(self.engine)

    @overload
    def tenant(
        self, tenant: object, *, read_only: Literal[False] = False
    ) -> AbstractAsyncContextManager[TenantSession]: ...

    @overload
    def tenant(self, tenant: object, *, read_only: Literal[True]) -> AbstractAsyncContextManager[ReadSession]: ...

    def tenant(
        self, tenant: object, *, read_only: bool = False
    ) -> AbstractAsyncContextManager[TenantSession] | AbstractAsyncContextManager[ReadSession]:
        """Return a unit of work of one tenant, which commits at the end of the block and rolls back on an error.

        Raises:
            TenantRequired: the tenant is missing.
            TenantInvalid: it is not of the tenant column's type.
        """
        scope = self.scope(tenant)
        return self._read(scope) if read_only else self._write(self.engine, TenantSession, scope)

    def scope(self, tenant: object) -> Scope:
        """Return the scope of the tenant's units of work; its `preamble` binds the tenant to a transaction.

        Raises:
            TenantRequired, TenantInvalid: see `tenant`.
        """
        parsed = parse_tenant(tenant, self._tenancy.type)
        return Scope(self._tenancy, parsed, self._key_ring, signer=self._signer)

    @overload
    def session(self, *, read_only: Literal[False] = False) -> AbstractAsyncContextManager[TenantSession]: ...

    @overload
    def session(self, *, read_only: Literal[True]) -> AbstractAsyncContextManager[ReadSession]: ...

    def session(
        self, *, read_only: bool = False
    ) -> AbstractAsyncContextManager[TenantSession] | AbstractAsyncContextManager[ReadSession]:
        """Return a unit of work without a tenant, for `Shared` and `Global` tables. It refuses tenant tables."""
        scope = Scope(self._tenancy, key_ring=self._key_ring)
        return self._read(scope) if read_only else self._write(self.engine, TenantSession, scope)

    async def find_tenant(self, model: type[Isolated], **key: Any) -> TenantMatch | None:
        """Return the tenant and the row of a global key, such as an e-mail address, through the model's lookup.

            match = await database.find_tenant(User, email=address)

        Raises:
            DeclarationError: the model declares no lookup by these columns.
            TenancyError: several rows have this key, so it does not name one tenant.
        """
        table: Table = model.__table__  # type: ignore[attr-defined]
        for lookup in declaration_of(table).lookups:
            if set(lookup.columns) == set(key):
                async with self.session(read_only=True) as session:
                    found = (await session.execute(lookup_statement(table, lookup, key))).fetchmany(2)
                if len(found) > 1:
                    raise errors.TenancyError(
                        f"Several rows of {table.name!r} have this {', '.join(lookup.columns)}.",
                        why="The lookup's condition allows rows that no unique key compares.",
                        remedy=f"Add a unique index over {', '.join(lookup.columns)} with the condition of the lookup.",
                    )
                return TenantMatch(found[0].tenant, found[0].key) if found else None
        raise errors.DeclarationError(
            f"Table {table.name!r} does not declare a lookup by {', '.join(sorted(key))}.",
            remedy=f"Add TenantLookup({', '.join(map(repr, sorted(key)))}) to the model's __lookups__, and migrate.",
        )

    @asynccontextmanager
    async def admin(self, *, reason: str) -> AsyncIterator[AdminSession]:
        """Open a unit of work across tenants, in the admin role; the reason is logged.

        Raises:
            ValueError: the reason is empty.
        """
        if not reason.strip():
            raise ValueError("The reason of an admin session is empty. Pass a reason; it is logged.")
        if self._admin is None:
            options = PoolOptions.from_settings(self.settings)
            small = dataclasses.replace(options, size=ADMIN_POOL_SIZE, overflow=ADMIN_MAX_OVERFLOW)
            self._admin = self._create_engine(self._endpoint("admin"), small)
        scope = Scope(self._tenancy, key_ring=self._key_ring, is_admin=True)
        _log.warning("admin session", extra={"database": self.name, "reason": reason})
        async with self._write(self._admin, AdminSession, scope) as session:
            yield session

    @asynccontextmanager
    async def _write(self, engine: AsyncEngine, kind: type[_Session], scope: Scope) -> AsyncIterator[_Session]:
        # Rows stay loaded after the commit, because a response is built from them when no transaction is open.
        session = kind(bind=engine, expire_on_commit=False, info={INFO_KEY: scope})
        with log_tenant(None if scope.tenant is None else str(scope.tenant)):
            async with session:
                try:
                    yield session
                    await session.commit()
                finally:
                    end_session(session.sync_session)

    @asynccontextmanager
    async def _read(self, scope: Scope) -> AsyncIterator[ReadSession]:
        async with self._write(_opened(self._reader), TenantSession, scope) as session:
            yield ReadSession(session)

    def _endpoint(self, purpose: Purpose) -> Endpoint:
        return resolve_endpoint(purpose, self.settings, self.roles, database=self.name, server=self._server)

    def _create_engine(self, endpoint: Endpoint, options: PoolOptions) -> AsyncEngine:
        engine = create_engine(
            endpoint.source,
            options,
            role=endpoint.role,
            application_name=self.name,
            echo=self.settings.is_echoing,
        )
        guard_engine(engine.sync_engine, self._metadata)
        return engine

    async def _check_session(self, endpoint: Endpoint) -> None:
        """Check the role and the signature before any request; wait for the database for `database_wait` seconds."""
        wait = self.settings.database_wait
        connection = await connect(
            endpoint.source,
            deadline=max(wait, self.settings.database_connect_timeout),
            patience=wait,
            role=endpoint.role,
            application_name=self.name,
        )
        try:
            async with connection.as_configured():
                facts = await fetch_role(connection)
                weaknesses = check_safe(facts, self.roles)
                await self._fit_signer(connection)
        finally:
            await connection.close()
        for weakness in weaknesses:
            _log.warning("role weakness", extra={"database": self.name, "weakness": weakness})

    async def _fit_signer(self, connection: Connection) -> None:
        if self._signer is not None:
            self._signer = await self._signer.fit(connection, self._tenancy.setting)

    async def _ask_signature(self, connection: Connection) -> str | None:
        """Check the signature with every probe: a key may have been removed, or a failover changed the server."""
        try:
            await self._fit_signer(connection)
        except errors.ContextRefused as error:
            return str(error)
        return None


def _opened(resource: _Resource | None) -> _Resource:
    if resource is None:
        raise errors.TenantryError("The Database is not open.", remedy="Use it inside `async with database:`.")
    return resource
