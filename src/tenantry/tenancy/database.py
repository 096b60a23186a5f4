"""`Database`: one service's connections, and the units of work that go over them.

The invariant: a session that leaves here has its scope from the first statement to the last, on every path, also
after a commit, a rollback or a lost connection. The role that serves is checked when the database is opened, before
any request: a superuser, an owner or a role with BYPASSRLS would make every policy a comment.
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
from tenantry.tenancy.context import telling
from tenantry.tenancy.declarations import Isolated, declaration_of, tenancy_of
from tenantry.tenancy.guard import guard_engine
from tenantry.tenancy.lookup import TenantMatch, lookup_statement
from tenantry.tenancy.rules import check_declarations
from tenantry.tenancy.scope import Scope, parse_tenant
from tenantry.tenancy.session import INFO_KEY, AdminSession, ReadSession, TenantSession
from tenantry.tenancy.signer import Signer

__all__ = ["Database"]

_log = logging.getLogger("tenantry.database")

# Work across tenants is rare and slow; it must not be able to take the connections that requests need.
ADMIN_POOL_SIZE, ADMIN_MAX_OVERFLOW = 1, 2

_Session = TypeVar("_Session", bound=AsyncSession)
_Resource = TypeVar("_Resource")


class Database:
    """The database of one service.

        async with Deployment.load(service).database() as database:
            async with database.tenant("acme") as session:
                session.add(...)

    `settings` say where it is; where they say nothing, `server` is leased for as long as the database is open.

    Raises (on opening):
        DatabaseUnavailable: no server answered within `database_wait` seconds.
        UnsafeRole: the role that would serve could step over row security.
        ContextRefused: the service signs the tenant, and the database does not take its signature.

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
        """Connect, and refuse to go on in a role that row security does not hold."""
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
        """Give every connection back, and the lease of the embedded server."""
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
        """Whether units of work can be had."""
        return self._engine is not None

    @property
    def engine(self) -> AsyncEngine:
        """The application's engine. Statements on tenant tables need a unit of work; here they are refused."""
        return _opened(self._engine)

    @property
    def probe(self) -> Probe:
        """Asks the database how it is, over a connection of its own."""
        return _opened(self._probe)

    def pool_status(self) -> PoolStatus:
        """Return how much of the pool is in use."""
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
        """Return a unit of work of one tenant: commits on leaving, rolls back on an error.

        Raises:
            TenantRequired: the tenant is missing.
            TenantInvalid: it is not of the tenant column's type.
        """
        scope = self.scope(tenant)
        return self._read(scope) if read_only else self._write(self.engine, TenantSession, scope)

    def scope(self, tenant: object) -> Scope:
        """Return what a unit of work of the tenant may touch; its `preamble` binds the tenant to a transaction.

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
        """Return a unit of work without a tenant, for `Shared` and `Global` tables; others are refused."""
        scope = Scope(self._tenancy, key_ring=self._key_ring)
        return self._read(scope) if read_only else self._write(self.engine, TenantSession, scope)

    async def find_tenant(self, model: type[Isolated], **key: Any) -> TenantMatch | None:
        """Return the tenant and row that a global credential leads to, through the model's declared lookup.

            match = await database.find_tenant(User, email=address)

        Raises:
            DeclarationError: the model declares no lookup by these columns.
        """
        table: Table = model.__table__  # type: ignore[attr-defined]
        for lookup in declaration_of(table).lookups:
            if set(lookup.columns) == set(key):
                async with self.session(read_only=True) as session:
                    row = (await session.execute(lookup_statement(table, lookup, key))).first()
                return None if row is None else TenantMatch(row.tenant, row.key)
        raise errors.DeclarationError(
            f"Table {table.name!r} declares no lookup by {', '.join(sorted(key))}.",
            remedy=f"Add TenantLookup({', '.join(map(repr, sorted(key)))}) to the model's __lookups__, and migrate.",
        )

    @asynccontextmanager
    async def admin(self, *, reason: str) -> AsyncIterator[AdminSession]:
        """Open a unit of work across tenants, as the admin role; the reason is logged.

        Raises:
            ValueError: the reason is empty.
        """
        if not reason.strip():
            raise ValueError("Work across tenants needs a reason.")
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
        # The rows stay usable after the commit: a response is built from them when no transaction is left to load
        # them in.
        session = kind(bind=engine, expire_on_commit=False, info={INFO_KEY: scope})
        with telling(None if scope.tenant is None else str(scope.tenant)):
            async with session:
                yield session
                await session.commit()

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
        """Check the role and the signature before any request; wait for the database as long as the settings say."""
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
        """Look again with every check: a key may have been retired, and after a failover the server is another."""
        try:
            await self._fit_signer(connection)
        except errors.ContextRefused as error:
            return str(error)
        return None


def _opened(resource: _Resource | None) -> _Resource:
    if resource is None:
        raise errors.TenantryError("The database is not open.", remedy="Use it inside `async with database:`.")
    return resource
