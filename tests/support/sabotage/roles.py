"""Roles and their memberships, extensions, and what is set before a session begins."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["ROLES"]

INSTALLED = "INSERT INTO pg_extension SELECT {}, '{}', 10, 'public'::regnamespace, false, '1.0', NULL, NULL"

ROLES = (
    Sabotage("extension dropped", "DROP EXTENSION {extension}", ("extension_missing",), "extension {extension}"),
    Sabotage(
        "dblink installed", INSTALLED.format(99001, "dblink"), ("extension_dangerous",), "extension dblink", "error"
    ),
    Sabotage(
        "postgres_fdw installed",
        INSTALLED.format(99002, "postgres_fdw"),
        ("extension_dangerous",),
        "extension postgres_fdw",
        "error",
    ),
    Sabotage(
        "plpython3u installed",
        INSTALLED.format(99003, "plpython3u"),
        ("extension_dangerous",),
        "extension plpython3u",
        "error",
    ),
    Sabotage(
        "file_fdw installed",
        INSTALLED.format(99004, "file_fdw"),
        ("extension_dangerous",),
        "extension file_fdw",
        "error",
    ),
    Sabotage(
        "extension that nobody declared",
        INSTALLED.format(99005, "isn"),
        ("extension_undeclared",),
        "extension isn",
        "info",
    ),
    Sabotage("no admin", "ALTER ROLE {admin} RENAME TO mutant_admin", ("role_missing",), "role {admin}"),
    Sabotage("no application", "ALTER ROLE {app} RENAME TO mutant_app", ("role_missing",), "role {app}"),
    Sabotage("application is a superuser", "ALTER ROLE {app} SUPERUSER", ("role_superuser",), "role {app}"),
    Sabotage("owner is a superuser", "ALTER ROLE {owner} SUPERUSER", ("role_superuser",), "role {owner}"),
    Sabotage("admin is a superuser", "ALTER ROLE {admin} SUPERUSER", ("role_superuser",), "role {admin}"),
    Sabotage("application has BYPASSRLS", "ALTER ROLE {app} BYPASSRLS", ("role_bypasses_rls",), "role {app}"),
    Sabotage("owner has BYPASSRLS", "ALTER ROLE {owner} BYPASSRLS", ("role_bypasses_rls",), "role {owner}"),
    Sabotage("member of the owner", "GRANT {owner} TO {app}", ("role_membership",), "role {app}"),
    Sabotage("member of the admin", "GRANT {admin} TO {app}", ("role_membership",), "role {app}"),
    Sabotage(
        "member of the owner by way of another",
        "CREATE ROLE mutant_group;;GRANT {owner} TO mutant_group;;GRANT mutant_group TO {app}",
        ("role_membership",),
        "role {app}",
    ),
    Sabotage(
        "member without inheritance",
        "GRANT {admin} TO {app} WITH INHERIT FALSE, SET TRUE",
        ("role_membership",),
        "role {app}",
        since=160000,
    ),
    Sabotage(
        "member with inheritance alone",
        "GRANT {admin} TO {app} WITH INHERIT TRUE, SET FALSE",
        ("role_membership",),
        "role {app}",
        since=160000,
    ),
    Sabotage(
        "NOINHERIT member", "ALTER ROLE {app} NOINHERIT;;GRANT {owner} TO {app}", ("role_membership",), "role {app}"
    ),
    Sabotage("reads all data", "GRANT pg_read_all_data TO {app}", ("role_membership",), "role {app}"),
    Sabotage("writes all data", "GRANT pg_write_all_data TO {app}", ("role_membership",), "role {app}"),
    Sabotage("reads the server's files", "GRANT pg_read_server_files TO {app}", ("role_membership",), "role {app}"),
    Sabotage("runs programs", "GRANT pg_execute_server_program TO {app}", ("role_membership",), "role {app}"),
    Sabotage("admin held by row security", "ALTER ROLE {admin} NOBYPASSRLS", ("admin_held",), "role {admin}"),
    Sabotage("owner logs in", "ALTER ROLE {owner} LOGIN", ("owner_logs_in",), "role {owner}"),
    Sabotage("application makes roles", "ALTER ROLE {app} CREATEROLE", ("role_attribute",), "role {app}", "error"),
    Sabotage("application replicates", "ALTER ROLE {app} REPLICATION", ("role_attribute",), "role {app}", "error"),
    Sabotage("application makes databases", "ALTER ROLE {app} CREATEDB", ("role_attribute",), "role {app}", "warning"),
    Sabotage(
        "tenant preset for the role",
        "ALTER ROLE {app} SET app.current_tenant_id = 'acme'",
        ("tenant_preset",),
        "role {app}",
    ),
    Sabotage(
        "tenant preset in capitals",
        "ALTER ROLE {app} SET app.\"CURRENT_TENANT_ID\" = 'acme'",
        ("tenant_preset",),
        "role {app}",
    ),
    Sabotage(
        "tenant preset for the role in this database",
        "ALTER ROLE {app} IN DATABASE {database} SET app.current_tenant_id = 'acme'",
        ("tenant_preset",),
        "role {app}",
    ),
    Sabotage(
        "tenant preset for the database",
        "ALTER DATABASE {database} SET app.current_tenant_id = 'acme'",
        ("tenant_preset",),
        "database {database}",
    ),
    Sabotage(
        "tenant preset for all", "ALTER ROLE ALL SET app.current_tenant_id = 'acme'", ("tenant_preset",), "all roles"
    ),
    Sabotage("role preset", "ALTER ROLE {app} SET role = '{owner}'", ("role_preset",), "role {app}"),
    Sabotage(
        "role preset for the database",
        "ALTER DATABASE {database} SET role = '{admin}'",
        ("role_preset",),
        "database {database}",
    ),
    Sabotage(
        "row_security off for the application",
        "ALTER ROLE {app} SET row_security = off",
        ("row_security_preset",),
        "role {app}",
    ),
    Sabotage(
        "row_security off for the database",
        "ALTER DATABASE {database} SET row_security = off",
        ("row_security_preset",),
        "database {database}",
    ),
    Sabotage(
        "search path that begins in the open",
        "GRANT CREATE ON SCHEMA public TO {app};;ALTER ROLE {app} SET search_path = public, pg_catalog",
        ("search_path_preset",),
        "role {app}",
    ),
    Sabotage(
        "search path that begins with the user's schema",
        'CREATE SCHEMA {app} AUTHORIZATION {app};;ALTER DATABASE {database} SET search_path = "$user", public',
        ("search_path_preset",),
        "database {database}",
    ),
    Sabotage(
        "search path that begins with temporary objects",
        "ALTER ROLE {app} SET search_path = pg_temp, public",
        ("search_path_preset",),
        "role {app}",
    ),
    Sabotage(
        "library preloaded",
        "ALTER ROLE {app} SET session_preload_libraries = 'auto_explain'",
        ("preload_preset",),
        "role {app}",
    ),
    Sabotage(
        "local library preloaded",
        "ALTER DATABASE {database} SET local_preload_libraries = 'spy'",
        ("preload_preset",),
        "database {database}",
    ),
    Sabotage(
        "triggers off for the application",
        "ALTER ROLE {app} SET session_replication_role = replica",
        ("unsafe_preset",),
        "role {app}",
    ),
    Sabotage(
        "large objects open to all",
        "ALTER DATABASE {database} SET lo_compat_privileges = on",
        ("unsafe_preset",),
        "database {database}",
    ),
    Sabotage(
        "triggers off in the session",
        "SET LOCAL session_replication_role = replica",
        ("server_setting",),
        "server setting session_replication_role",
    ),
    Sabotage(
        "large objects open in the session",
        "SET LOCAL lo_compat_privileges = on",
        ("server_setting",),
        "server setting lo_compat_privileges",
    ),
)
