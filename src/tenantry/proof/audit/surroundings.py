"""Privileges besides those on tables: schemas, the database, the system's catalog, parameters, and what is to come."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import PUBLIC, Grant
from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import DEFAULT_SCHEMA, Snapshot
from tenantry.sql import identifier

__all__ = ["check_surroundings"]


def check_surroundings(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield privileges by which the application makes objects, leaves its tables, or is given what comes next."""
    yield from _schemas(snapshot)
    yield from _database(snapshot)
    yield from _owned(snapshot)
    yield from _catalog(snapshot)
    yield from _default_privileges(snapshot)


def _schemas(snapshot: Snapshot) -> Iterator[Draft]:
    application = snapshot.service.roles.application
    declared = {DEFAULT_SCHEMA, *(schema for schema, _ in snapshot.tables)}
    service_roles = {role.name for role in snapshot.service.roles}
    for row in snapshot.facts["schemas"]:
        schema, role = row["schema"], row["role"]
        thing = f"schema {schema}"
        if not row["is_usable"] and schema in declared and role in service_roles:
            remedy = f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(role)}"
            yield draft("schema_unusable", thing, f"{role} may not use the schema.", remedy)
        if role == application and row["is_writable"]:
            grant = Grant(PUBLIC if row["is_public"] else role, ("CREATE",), schema, "SCHEMA")
            message = f"{grant.role} may create objects, such as a function that is found before the system's."
            yield draft("schema_writable", thing, message, *grant.drop())


def _database(snapshot: Snapshot) -> Iterator[Draft]:
    for row in snapshot.facts["database_grants"]:
        thing, grantee = f"database {row['database']}", _grantee(row["role"])
        remedy = f"REVOKE {row['privilege']} ON DATABASE {identifier(row['database'])} FROM {grantee}"
        if row["privilege"] == "CREATE":
            message = f"{row['role']} may create schemas, and in them whatever it likes."
            yield draft("database_writable", thing, message, remedy)
        elif row["privilege"] == "TEMPORARY":
            message = f"{row['role']} may make temporary tables, which are found before all others of their name."
            yield draft("temporary_granted", thing, message, remedy)


def _owned(snapshot: Snapshot) -> Iterator[Draft]:
    roles = snapshot.service.roles
    # The owner of a declared table is a finding of the table.
    tables = {".".join(key) for key in snapshot.tables}
    for row in snapshot.facts["owned"]:
        if row["kind"] != "table" or row["name"] not in tables:
            message = f"It belongs to {roles.application}, which may alter and replace it."
            remedy = f"ALTER {row['kind'].upper()} {row['name']} OWNER TO {identifier(roles.owner)}"
            yield draft("application_owns", f"{row['kind']} {row['name']}", message, remedy)


def _catalog(snapshot: Snapshot) -> Iterator[Draft]:
    for row in snapshot.facts["catalog_grants"]:
        column = f" ({identifier(row['column'])})" if row["column"] else ""
        listed = ", ".join(f"{privilege}{column}" for privilege in row["privileges"])
        message = f"{row['role']} is granted {listed}, which no new server gives."
        remedy = f"REVOKE {listed} ON {row['kind']} {row['name']} FROM {_grantee(row['role'])}"
        dotted = f".{row['column']}" if row["column"] else ""
        yield draft("catalog_granted", f"{row['kind'].lower()} {row['name']}{dotted}", message, remedy)
    for row in snapshot.facts["parameter_grants"]:
        listed = ", ".join(row["privileges"])
        message = f"{row['role']} is granted {listed} on a parameter that is a superuser's."
        remedy = f"REVOKE {listed} ON PARAMETER {row['name']} FROM {_grantee(row['role'])}"
        yield draft("parameter_granted", f"parameter {row['name']}", message, remedy)


def _default_privileges(snapshot: Snapshot) -> Iterator[Draft]:
    for row in snapshot.facts["default_privileges"]:
        within = f" IN SCHEMA {identifier(row['schema'])}" if row["schema"] else ""
        listed = ", ".join(row["privileges"])
        remedy = (
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(row['maker'])}{within} "
            f"REVOKE {listed} ON {row['kind']} FROM {_grantee(row['role'])}"
        )
        message = f"All {row['kind']} that {row['maker']} makes are granted to {row['role']} at once: {listed}."
        yield draft("default_privileges", f"role {row['maker']}", message, remedy)


def _grantee(role: str) -> str:
    return "PUBLIC" if role == PUBLIC else identifier(role)
