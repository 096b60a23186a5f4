"""The objects that a service's models declare, except tables: row security, policies, grants, sequences, triggers.

One function turns declarations into the objects of `postgres.objects`. Migrations and the audit both compare this set
with the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import MetaData, Table

from tenantry.postgres.objects import DatabaseObject, Extension, Grant, Policy, RowSecurity, Schema, Trigger
from tenantry.postgres.roles import Roles
from tenantry.tenancy.declarations import Kind, Tenancy, declaration_of, tenancy_of
from tenantry.tenancy.lookups import lookup_function
from tenantry.tenancy.own_objects import check_own_objects
from tenantry.tenancy.partitions import partitions_of, protection_of
from tenantry.tenancy.policy import MAINTENANCE_POLICY, TENANT_POLICY, tenant_predicate
from tenantry.tenancy.sequences import DEFAULT_SCHEMA, declared_sequences, sequence_grants
from tenantry.tenancy.signed_context.accessor import ACCESSOR, SCHEMA, accessor_function, keys_protection
from tenantry.tenancy.timestamps import UPDATED_AT, touch_function, touch_trigger
from tenantry.tenancy.types import declared_types

__all__ = ["ADMIN_PRIVILEGES", "declared_objects"]

# Listed by name, because GRANT ALL would include TRUNCATE, which ignores row security.
ADMIN_PRIVILEGES = ("DELETE", "INSERT", "SELECT", "UPDATE")


def declared_objects(
    metadata: MetaData, roles: Roles, extensions: Iterable[str] = (), own: Iterable[DatabaseObject] = ()
) -> frozenset[DatabaseObject]:
    """Return the objects for the tables of `metadata`, the roles, the named extensions, and the team's own objects.

    Raises:
        DeclarationError: a table does not declare its tenancy, or an own object is refused.
    """
    tenancy = tenancy_of(metadata)
    found: set[DatabaseObject] = {Extension(name) for name in extensions}
    # Without the owner, which exists before any migration, because it runs the migrations.
    found.update(role for role in roles if role.name != roles.owner)
    for table in metadata.tables.values():
        found.update(_objects_of(table, tenancy, roles))
    found.update(declared_types(metadata))
    found.update(declared_sequences(metadata))
    found.update(sequence_grants(metadata, roles))
    if tenancy.signed_context:
        found.add(accessor_function(tenancy.setting, roles.application))
    if any(isinstance(item, Trigger) for item in found):
        found.add(touch_function())
    for name in _schemas_of(metadata, (*found, *own)):
        found.add(Schema(name))
        found.update(Grant(role, ("USAGE",), name, kind="SCHEMA") for role in (roles.application, roles.admin))
    check_own_objects(own, found, metadata, roles)
    found.update(own)
    return frozenset(found)


def _schemas_of(metadata: MetaData, found: Iterable[DatabaseObject]) -> set[str]:
    """Return the schemas of tables, types and other objects, without `public`, which every database has."""
    schemas = {getattr(item, "schema", None) for item in (*metadata.tables.values(), *found)}
    types = (getattr(column.type, "schema", None) for table in metadata.tables.values() for column in table.columns)
    return {schema for schema in (*schemas, *types) if schema is not None} - {DEFAULT_SCHEMA}


def _objects_of(table: Table, tenancy: Tenancy, roles: Roles) -> Iterator[DatabaseObject]:
    declaration = declaration_of(table)
    schema = table.schema or "public"
    if declaration.privileges:
        yield Grant(role=roles.application, privileges=declaration.privileges, name=table.name, schema=schema)
    if declaration.kind is Kind.INTERNAL:
        yield from keys_protection(roles.owner)
        return
    yield Grant(role=roles.admin, privileges=ADMIN_PRIVILEGES, name=table.name, schema=schema)
    partitions = partitions_of(table)
    if partitions is not None:
        yield partitions
        yield from protection_of(partitions, roles.owner)
    if UPDATED_AT in table.info:
        yield touch_trigger(table.name, schema)
    if declaration.kind.is_isolated and declaration.tenant_column is not None:
        column = table.c[declaration.tenant_column]
        accessor = f"{SCHEMA}.{ACCESSOR}" if tenancy.signed_context else ""
        predicate = tenant_predicate(column.name, tenancy.setting, column.type, accessor=accessor)
        for lookup in declaration.lookups:
            yield lookup_function(table, column, lookup, roles.application)
        yield RowSecurity(table=table.name, schema=schema)
        yield Policy(
            name=TENANT_POLICY,
            table=table.name,
            roles=(roles.application,),
            using=predicate,
            check=predicate,
            schema=schema,
        )
        # Row security is forced on the owner too. Without this policy, a migration's UPDATE would change no row, and
        # the validation of a foreign key would check no row, both without an error.
        yield Policy(
            name=MAINTENANCE_POLICY, table=table.name, roles=(roles.owner,), using="true", check="true", schema=schema
        )
