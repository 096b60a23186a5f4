"""Privileges taken and given, on tables and on everything round them."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["PRIVILEGES"]

DEFAULTS = "ALTER DEFAULT PRIVILEGES FOR ROLE {owner}"

PRIVILEGES = (
    Sabotage("UPDATE revoked", "REVOKE UPDATE ON ships FROM {app}", ("grant_missing",), "table public.ships"),
    Sabotage("everything revoked", "REVOKE ALL ON tides FROM {app}", ("grant_missing",), "table public.tides"),
    Sabotage("revoked from the admin", "REVOKE INSERT ON ports FROM {admin}", ("grant_missing",), "table public.ports"),
    Sabotage(
        "usage of the schema revoked",
        "REVOKE USAGE ON SCHEMA public FROM {app}",
        ("grant_missing",),
        "schema public.public",
    ),
    Sabotage(
        "shared table writable", "GRANT INSERT ON ports TO {app}", ("grant_undeclared",), "table public.ports", "error"
    ),
    Sabotage("DELETE granted", "GRANT DELETE ON cargo TO {app}", ("grant_undeclared",), "table public.cargo", "error"),
    Sabotage(
        "one column granted",
        "GRANT UPDATE (label) ON cargo TO {app}",
        ("grant_undeclared",),
        "table public.cargo.label",
        "error",
    ),
    Sabotage(
        "REFERENCES of one column granted",
        "GRANT REFERENCES (id) ON cargo TO {app}",
        ("grant_undeclared",),
        "table public.cargo.id",
        "error",
    ),
    Sabotage(
        "REFERENCES for the admin",
        "GRANT REFERENCES ON ships TO {admin}",
        ("grant_undeclared",),
        "table public.ships",
        "warning",
    ),
    Sabotage(
        "a stranger reads",
        "CREATE ROLE mutant_bi;;GRANT SELECT ON ships TO mutant_bi",
        ("grant_undeclared",),
        "table public.ships",
        "warning",
    ),
    Sabotage(
        "the revision writable",
        "GRANT UPDATE ON alembic_version TO {app}",
        ("grant_undeclared",),
        "table public.alembic_version",
        "error",
    ),
    Sabotage("PUBLIC reads", "GRANT SELECT ON ships TO PUBLIC", ("grant_to_public",), "table public.ships"),
    Sabotage(
        "PUBLIC reads a column",
        "GRANT SELECT (name) ON ships TO PUBLIC",
        ("grant_to_public",),
        "table public.ships.name",
    ),
    Sabotage(
        "PUBLIC writes a shared table", "GRANT INSERT ON ports TO PUBLIC", ("grant_to_public",), "table public.ports"
    ),
    Sabotage(
        "GRANT ALL",
        "GRANT ALL ON ships TO {app}",
        ("truncate_granted", "references_granted", "trigger_granted"),
        "table public.ships",
        "error",
    ),
    Sabotage(
        "TRUNCATE for PUBLIC", "GRANT TRUNCATE ON companies TO PUBLIC", ("truncate_granted",), "table public.companies"
    ),
    Sabotage(
        "REFERENCES granted",
        "GRANT REFERENCES ON companies TO {app}",
        ("references_granted",),
        "table public.companies",
        "error",
    ),
    Sabotage("TRIGGER granted", "GRANT TRIGGER ON cargo TO {app}", ("trigger_granted",), "table public.cargo", "error"),
    Sabotage(
        "MAINTAIN granted",
        "GRANT MAINTAIN ON cargo TO {app}",
        ("maintain_granted",),
        "table public.cargo",
        "error",
        since=170000,
    ),
    Sabotage(
        "grant option", "GRANT SELECT ON ships TO {app} WITH GRANT OPTION", ("grant_option",), "table public.ships"
    ),
    Sabotage(
        "PUBLIC creates in the schema", "GRANT CREATE ON SCHEMA public TO PUBLIC", ("schema_writable",), "schema public"
    ),
    Sabotage(
        "the application creates in the schema",
        "GRANT CREATE ON SCHEMA public TO {app}",
        ("schema_writable",),
        "schema public",
    ),
    Sabotage(
        "the application creates in another schema",
        "CREATE SCHEMA scratch;;GRANT ALL ON SCHEMA scratch TO {app}",
        ("schema_writable",),
        "schema scratch",
    ),
    Sabotage(
        "schema unusable", "REVOKE ALL ON SCHEMA public FROM PUBLIC, {app}", ("schema_unusable",), "schema public"
    ),
    Sabotage(
        "tables to come are readable",
        DEFAULTS + " IN SCHEMA public GRANT SELECT ON TABLES TO {app}",
        ("default_privileges",),
        "role {owner}",
    ),
    Sabotage(
        "tables to come are everybody's",
        DEFAULTS + " GRANT ALL ON TABLES TO PUBLIC",
        ("default_privileges",),
        "role {owner}",
    ),
    Sabotage(
        "sequences to come are readable",
        DEFAULTS + " GRANT SELECT ON SEQUENCES TO {app}",
        ("default_privileges",),
        "role {owner}",
    ),
    Sabotage(
        "functions to come are callable",
        DEFAULTS + " IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO {app}",
        ("default_privileges",),
        "role {owner}",
    ),
    Sabotage(
        "schemas to come are writable",
        DEFAULTS + " GRANT CREATE ON SCHEMAS TO {app}",
        ("default_privileges",),
        "role {owner}",
    ),
    Sabotage(
        "table owned by the application",
        "ALTER TABLE ships OWNER TO {app}",
        ("owner_differs",),
        "table public.ships",
        "error",
    ),
    Sabotage(
        "table owned by a superuser",
        "ALTER TABLE ships OWNER TO CURRENT_USER",
        ("owner_differs",),
        "table public.ships",
        "warning",
    ),
    Sabotage(
        "schemas may be created",
        "GRANT CREATE ON DATABASE {database} TO {app}",
        ("database_writable",),
        "database {database}",
    ),
    Sabotage(
        "everybody may create schemas",
        "GRANT CREATE ON DATABASE {database} TO PUBLIC",
        ("database_writable",),
        "database {database}",
    ),
    Sabotage(
        "temporary tables by name",
        "GRANT TEMPORARY ON DATABASE {database} TO {app}",
        ("temporary_granted",),
        "database {database}",
        "warning",
    ),
    Sabotage(
        "temporary tables for everybody",
        "GRANT TEMPORARY ON DATABASE {database} TO PUBLIC",
        ("temporary_granted",),
        "database {database}",
        "warning",
    ),
    Sabotage(
        "function owned by the application",
        "GRANT CREATE ON SCHEMA public TO {app};;ALTER FUNCTION update_updated_at_column() OWNER TO {app}",
        ("application_owns",),
        "function public.update_updated_at_column",
    ),
    Sabotage(
        "schema owned by the application",
        "CREATE SCHEMA mine AUTHORIZATION {app}",
        ("application_owns", "schema_writable"),
        "schema mine",
    ),
    Sabotage(
        "database owned by the application",
        "ALTER DATABASE {database} OWNER TO {app}",
        ("application_owns",),
        "database {database}",
    ),
    Sabotage(
        "statistics readable",
        "GRANT SELECT ON pg_statistic TO {app}",
        ("catalog_granted",),
        "table pg_catalog.pg_statistic",
    ),
    Sabotage(
        "passwords readable",
        "GRANT SELECT (rolpassword) ON pg_authid TO PUBLIC",
        ("catalog_granted",),
        "table pg_catalog.pg_authid.rolpassword",
    ),
    Sabotage(
        "files readable",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {app}",
        ("catalog_granted",),
        "function pg_catalog.pg_read_file",
    ),
    Sabotage(
        "large objects readable",
        "GRANT SELECT ON pg_largeobject TO {app}",
        ("catalog_granted",),
        "table pg_catalog.pg_largeobject",
    ),
    Sabotage(
        "triggers may be switched off",
        "GRANT SET ON PARAMETER session_replication_role TO {app}",
        ("parameter_granted",),
        "parameter session_replication_role",
    ),
)
