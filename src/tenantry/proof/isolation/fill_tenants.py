"""Fill the scratch database with rows of three tenants: what the service declares becomes arguments of `rows.fill`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import ARRAY, Enum, Table

from tenantry import errors
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.tenants import TenantNames, tenant_names_for
from tenantry.proof.rows import Factory, Key, Shape, TenantRefused, call_factory, fill
from tenantry.secrets.key_ring import KeyRing
from tenantry.service import Service, import_attribute
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import declaration_of, tenancy_of
from tenantry.tenancy.encrypted_text import EncryptedText, Sealed

__all__ = ["DeclaredValues", "fill_tenants", "key_of", "marker_of"]


def key_of(table: Table) -> Key:
    """Return the schema and the name of a declared table."""
    return table.schema or "public", table.name


def marker_of(role: str) -> str:
    """Return the word that readable texts of the attacker's, the victim's or the bystander's rows begin with."""
    return f"{role}-rows"


async def fill_tenants(connection: Connection, service: Service, database: Database) -> TenantNames:
    """Fill the tables for the first three tenants that they accept, and return these.

    Raises:
        ConfigurationError: a table takes no row that was made up for it, or the tables accept no three tenants.
    """
    declared = {key_of(table): table for table in service.metadata.sorted_tables}
    tables = {
        key: declaration_of(table).tenant_column or ""
        for key, table in declared.items()
        if declaration_of(table).kind.is_isolated
    }
    refusal: TenantRefused | None = None
    for names in tenant_names_for(tenancy_of(service.metadata).type):
        values = DeclaredValues(service, declared, database.settings.key_ring(), names)
        try:
            await fill(
                connection,
                tables,
                {tenant: marker_of(names.role_of(tenant)) for tenant in names},
                bind=lambda tenant: database.scope(tenant).preamble,
                values_for=values.of,
            )
        except TenantRefused as error:
            refusal = error
        else:
            return names
    raise errors.ConfigurationError(
        "No three tenants could be made up.",
        why=f"The last ones were refused: {(refusal and refusal.__cause__) or 'the database has such rows already'}.",
        remedy="Declare a factory for the table of tenants in Service(factories=...).",
    ) from refusal


class DeclaredValues:
    """What a row must have: what only the model knows, encrypted columns, and what the table's factory gives."""

    def __init__(
        self, service: Service, declared: Mapping[Key, Table], key_ring: KeyRing | None, names: TenantNames
    ) -> None:
        self._service = service
        self._declared = declared
        self._key_ring = key_ring
        self._names = names

    def of(self, shape: Shape, tenant: str, number: int) -> dict[str, str | None]:
        """Return the values in PostgreSQL's text form."""
        values: dict[str, str | None] = {
            **dict(_declared_only(self._declared.get(shape.key), number)),
            **dict(self._sealed(shape.key, tenant, number)),
        }
        factory = self._factory(shape.key)
        return values if factory is None else values | call_factory(factory, shape, tenant, number + 1)

    def _factory(self, table: Key) -> Factory | None:
        """Return the table's factory, declared under its name or its name with the schema."""
        spec = self._service.factories.get(".".join(table)) or self._service.factories.get(table[1])
        return None if spec is None else import_attribute(spec)

    def _sealed(self, key: Key, tenant: str, number: int) -> Iterator[tuple[str, str]]:
        table = self._declared.get(key)
        if table is None or self._key_ring is None or not tenant:
            return
        for column in table.columns:
            if isinstance(column.type, EncryptedText):
                text = f"{marker_of(self._names.role_of(tenant))} {number}"
                yield column.name, str(Sealed.seal(text, self._key_ring, column, tenant))


def _declared_only(table: Table | None, number: int) -> Iterator[tuple[str, str]]:
    """Yield values for columns of which the database knows less than the model.

    An enum that is text in the database has its labels in the model only, and so has an array its dimensions.
    """
    for column in () if table is None else table.columns:
        kind = column.type
        if isinstance(kind, Enum) and not kind.native_enum and column.server_default is None and kind.enums:
            yield column.name, kind.enums[number % len(kind.enums)]
        elif isinstance(kind, ARRAY) and (kind.dimensions or 1) > 1 and column.server_default is None:
            yield column.name, "{}"
