"""Privileges besides those on tables: schemas, the database, the system's catalog, parameters, and future objects."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import PUBLIC, Grant
from tenantry.proof.audit.grants import lacking_grants
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import DEFAULT_SCHEMA, Snapshot
from tenantry.sql import identifier


@rule(
    "TN106",
    "error",
    reason="PostgreSQL can find a function or an operator of that schema before the intended one, also for the owner "
    "and the admin.",
    remedy="Revoke CREATE on the schema.",
)
def schema_writable(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC may create objects in a schema."""
    application = snapshot.service.roles.application
    for row in snapshot.facts["schemas"]:
        if row["role"] == application and row["is_writable"]:
            grant = Grant(PUBLIC if row["is_public"] else application, ("CREATE",), row["schema"], "SCHEMA")
            message = f"{grant.role} may create objects, such as a function that PostgreSQL finds before its own."
            yield violation(f"schema {row['schema']}", message, *grant.drop())


@rule(
    "TN107",
    "error",
    reason="Every statement of the role fails.",
    remedy="Grant USAGE on the schema.",
)
def schema_unusable(snapshot: Snapshot) -> Iterator[Violation]:
    """The service's roles may use the schemas of its tables."""
    service_roles = {role.name for role in snapshot.service.roles}
    # `grant_missing` reports a declared privilege.
    declared = {(item.name, item.role) for item in lacking_grants(snapshot) if item.kind == "SCHEMA"}
    for row in snapshot.facts["schemas"]:
        schema, role = row["schema"], row["role"]
        is_needed = schema in {DEFAULT_SCHEMA, *snapshot.schemas} and role in service_roles
        if is_needed and not row["is_usable"] and (schema, role) not in declared:
            remedy = f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(role)}"
            yield violation(f"schema {schema}", f"{role} may not use the schema.", remedy)


@rule(
    "TN108",
    "warning",
    reason="The next table is open as soon as it is created, even if it holds rows of all tenants.",
    remedy="Revoke the default privileges.",
)
def default_privileges(snapshot: Snapshot) -> Iterator[Violation]:
    """No default privileges grant future objects to the application or to PUBLIC."""
    for row in snapshot.facts["default_privileges"]:
        within = f" IN SCHEMA {identifier(row['schema'])}" if row["schema"] else ""
        listed = ", ".join(row["privileges"])
        remedy = (
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(row['maker'])}{within} "
            f"REVOKE {listed} ON {row['kind']} FROM {_grantee(row['role'])}"
        )
        message = f"All future {row['kind']} of {row['maker']} are granted to {row['role']}: {listed}."
        yield violation(f"role {row['maker']}", message, remedy)


@rule(
    "TN113",
    "error",
    reason="The application can create any object in a schema of its own.",
    remedy="Revoke CREATE on the database.",
)
def database_writable(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC may create schemas in the database."""
    yield from _on_database(snapshot, "CREATE", "may create schemas, and any object in them")


@rule(
    "TN114",
    "warning",
    reason="A temporary table with the name of a tenant table receives the rows that the next tenant writes on the "
    "same pooled connection.",
    remedy="Revoke TEMPORARY on the database; `prepare` does so.",
)
def temporary_granted(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC may create temporary tables."""
    phrase = "may create temporary tables, which PostgreSQL finds before other tables of the same name"
    yield from _on_database(snapshot, "TEMPORARY", phrase)


@rule(
    "TN116",
    "error",
    reason="`pg_statistic` holds values of every tenant, `pg_authid` holds passwords, and functions such as "
    "`pg_read_file` read files.",
    remedy="Revoke the privilege.",
)
def catalog_granted(snapshot: Snapshot) -> Iterator[Violation]:
    """On the system's catalog neither the application nor PUBLIC has more privileges than on a new server."""
    for row in snapshot.facts["catalog_grants"]:
        column = f" ({identifier(row['column'])})" if row["column"] else ""
        listed = ", ".join(f"{privilege}{column}" for privilege in row["privileges"])
        message = f"{row['role']} has {listed}, which a new server does not grant."
        remedy = f"REVOKE {listed} ON {row['kind']} {row['name']} FROM {_grantee(row['role'])}"
        dotted = f".{row['column']}" if row["column"] else ""
        yield violation(f"{row['kind'].lower()} {row['name']}{dotted}", message, remedy)


@rule(
    "TN117",
    "error",
    reason="`session_replication_role` switches triggers and foreign keys off; `session_preload_libraries` loads code.",
    remedy="Revoke SET and ALTER SYSTEM on the parameter.",
)
def parameter_granted(snapshot: Snapshot) -> Iterator[Violation]:
    """Neither the application nor PUBLIC may set a parameter that only superusers may set."""
    for row in snapshot.facts["parameter_grants"]:
        listed = ", ".join(row["privileges"])
        message = f"{row['role']} has {listed} on a parameter that only superusers may set."
        remedy = f"REVOKE {listed} ON PARAMETER {row['name']} FROM {_grantee(row['role'])}"
        yield violation(f"parameter {row['name']}", message, remedy)


def _on_database(snapshot: Snapshot, privilege: str, phrase: str) -> Iterator[Violation]:
    for row in snapshot.facts["database_grants"]:
        if row["privilege"] == privilege:
            database = identifier(row["database"])
            remedy = f"REVOKE {privilege} ON DATABASE {database} FROM {_grantee(row['role'])}"
            yield violation(f"database {row['database']}", f"{row['role']} {phrase}.", remedy)


def _grantee(role: str) -> str:
    return "PUBLIC" if role == PUBLIC else identifier(role)
