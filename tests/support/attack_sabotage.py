"""What is broken in the schema to attack, and which attacks must then get through.

`{app}`, `{owner}`, `{admin}`, `{victim}` and `{database}` stand for names and literals.
"""

from __future__ import annotations

from dataclasses import dataclass

POLICY = "tenant_isolation_policy"
OFF = "ALTER TABLE shelves DISABLE ROW LEVEL SECURITY"
OPEN = f"ALTER POLICY {POLICY} ON shelves USING (true) WITH CHECK (true)"
UNCHECKED = f"ALTER POLICY {POLICY} ON shelves WITH CHECK (true)"
OWNED = "GRANT CREATE ON SCHEMA public TO {app}; ALTER TABLE shelves OWNER TO {app}"
SUPERUSER = "ALTER ROLE {app} SUPERUSER"
COMMON = "ALTER ROLE {app} NOSUPERUSER"
LOOSE = (
    "ALTER TABLE parcels DROP CONSTRAINT fk_parcels_shelf; "
    "ALTER TABLE parcels ADD CONSTRAINT loose FOREIGN KEY (shelf_id) REFERENCES shelves (id) ON DELETE CASCADE"
)
FROZEN = (
    "CREATE FUNCTION bound() RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
    "'BEGIN RETURN current_setting(''app.current_tenant_id'', true); END'; "
    f"ALTER POLICY {POLICY} ON shelves USING (tenant_id = bound()) WITH CHECK (tenant_id = bound())"
)
EMPTY_OPENS = (
    f"ALTER POLICY {POLICY} ON shelves USING (current_setting('app.current_tenant_id', true) IN (tenant_id, ''))"
)
SHELF = "(SELECT label FROM shelves WHERE tenant_id = {victim} LIMIT 1)"
SHELVES = "public.shelves"


@dataclass(frozen=True)
class Sabotage:
    """What is broken, the attacks that must then get through, and the object that they must name."""

    attacks: tuple[str, ...]
    object: str
    sql: str
    # Roles belong to the cluster, and outlive the copy.
    undo: str = ""
    since: int = 0

    def __str__(self) -> str:
        return f"{self.attacks[0]}: {self.sql[:50]}"


def _one(attack: str, thing: str, sql: str, undo: str = "", since: int = 0) -> Sabotage:
    return Sabotage((attack,), thing, sql, undo, since)


READS = [
    "select_all",
    "select_victim",
    "select_only",
    "select_count",
    "select_window",
    "select_grouped",
    "select_exists",
    "select_subquery",
    "select_cte",
    "select_recursive",
    "select_lateral",
    "select_joined",
    "select_combined",
    "select_sampled",
    "select_by_place",
    "select_for_update",
    "select_for_key_share",
    "row_security_off",
    "temporary_view",
    "create_table_as",
    "cursor",
    "do_block",
    "copy_out",
    "copy_out_query",
    "explain_analyze",
    "held_cursor",
    "leaky_division",
    "leaky_join",
    "leaky_sort",
    "leaky_cast",
    "leaky_function",
    "leaky_operator",
    "leaky_estimate",
]
WRITES = [
    "update_rows",
    "update_others",
    "update_steal",
    "update_from",
    "update_returning",
    "update_at_cursor",
    "delete_rows",
    "delete_others",
    "delete_using",
    "delete_returning",
    "merge_update",
    "merge_delete",
    "insert_returning",
    "upsert_nothing",
    "update_give",
]
INSERTS = ["insert_for_victim", "insert_select", "merge_insert"]
OWNERS = [
    "disable_row_security",
    "unforce_row_security",
    "create_policy",
    "alter_policy",
    "drop_policy",
    "take_ownership",
    "add_column",
    "alter_default",
    "rename_table",
    "drop_table",
    "create_index",
    "disable_triggers",
    "create_rule",
    "create_statistics",
    "comment_table",
    "set_storage",
    "inherit",
    "truncate",
]
SUPERUSERS = [
    "create_extension",
    "create_publication",
    "create_subscription",
    "create_event_trigger",
    "create_wrapper",
    "create_language",
    "create_cast",
]

SABOTAGES = [
    Sabotage(tuple(READS), SHELVES, OFF),
    # Whatever the policy says, it keeps the statistics from the planner's operators, and makes row_security an error.
    Sabotage(tuple(name for name in READS if name not in {"row_security_off", "leaky_estimate"}), SHELVES, OPEN),
    Sabotage(tuple(WRITES), SHELVES, OPEN),
    Sabotage(tuple(INSERTS), SHELVES, UNCHECKED),
    Sabotage(("copy_in", "upsert_update", "upsert_own"), SHELVES, OFF),
    Sabotage(("foreign_key_insert", "foreign_key_update", "foreign_key_oracle"), "public.parcels", LOOSE),
    _one("cascade_from_reference", "public.parcels", LOOSE),
    _one(
        "cascade_from_delete",
        SHELVES,
        "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "'BEGIN DELETE FROM public.parcels; RETURN NULL; END'; "
        "CREATE TRIGGER wipe AFTER DELETE ON shelves EXECUTE FUNCTION wipe()",
    ),
    _one(
        "cascade_from_delete",
        SHELVES,
        "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "'BEGIN DELETE FROM public.events; RETURN NULL; END'; "
        "CREATE TRIGGER wipe AFTER DELETE ON shelves EXECUTE FUNCTION wipe()",
    ),
    _one("unique_probe", SHELVES, "CREATE UNIQUE INDEX one_label ON shelves (label)"),
    _one("unique_probe", SHELVES, "CREATE UNIQUE INDEX one_label ON shelves (lower(label))"),
    _one("unique_probe", SHELVES, "CREATE UNIQUE INDEX one_label ON shelves (label, left(tenant_id, 0))"),
    Sabotage(
        ("lock_table", "lock_share_update_exclusive"),
        SHELVES,
        "REVOKE UPDATE, DELETE ON shelves FROM {app}; GRANT MAINTAIN ON shelves TO {app}",
        since=17,
    ),
    _one("truncate", SHELVES, "GRANT TRUNCATE ON shelves TO {app}"),
    _one("truncate_cascade", SHELVES, "GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {app}"),
    _one("grant_itself", SHELVES, "GRANT SELECT ON shelves TO {app} WITH GRANT OPTION"),
    _one("grant_itself", SHELVES, "ALTER TABLE shelves OWNER TO {app}; REVOKE TRUNCATE ON shelves FROM {app}"),
    _one("reference_it", SHELVES, "GRANT REFERENCES ON shelves TO {app}"),
    _one("create_trigger", SHELVES, "GRANT TRIGGER ON shelves TO {app}"),
    Sabotage(tuple(OWNERS), SHELVES, OWNED),
    Sabotage(("prepared_statement", "prepared_write"), SHELVES, FROZEN),
    _one("cursor_rebound", SHELVES, EMPTY_OPENS),
    _one("set_role", "role {admin}", "GRANT {admin} TO {app}", "REVOKE {admin} FROM {app}"),
    _one("set_role", "role {owner}", "GRANT {owner} TO {app}", "REVOKE {owner} FROM {app}"),
    _one(
        "set_role",
        "role pg_read_server_files",
        "GRANT pg_read_server_files TO {app}",
        "REVOKE pg_read_server_files FROM {app}",
    ),
    _one("role_as_it_is", "role {app}", "ALTER ROLE {app} BYPASSRLS", "ALTER ROLE {app} NOBYPASSRLS"),
    _one("role_as_it_is", "role {app}", "GRANT {owner} TO {app}", "REVOKE {owner} FROM {app}"),
    _one("set_session_authorization", "role {admin}", SUPERUSER, COMMON),
    _one("alter_roles", "role {app}", SUPERUSER, COMMON),
    _one("alter_roles", "role {owner}", SUPERUSER, COMMON),
    _one("leakproof_function", "public.events", SUPERUSER, COMMON),
    Sabotage(tuple(SUPERUSERS), "database", SUPERUSER, COMMON),
    _one("temporary_tables", SHELVES, "GRANT TEMPORARY ON DATABASE {database} TO {app}"),
    _one("create_in_schema", "schema public", "GRANT CREATE ON SCHEMA public TO PUBLIC"),
    _one("create_in_schema", "schema reports", "CREATE SCHEMA reports; GRANT ALL ON SCHEMA reports TO {app}"),
    _one("create_schema", "database", "GRANT CREATE ON DATABASE {database} TO {app}"),
    Sabotage(
        ("alter_database", "own_database", "comment_database"), "database", "ALTER DATABASE {database} OWNER TO {app}"
    ),
    _one(
        "alter_schema",
        "schema public",
        "GRANT CREATE ON DATABASE {database} TO {app}; ALTER SCHEMA public OWNER TO {app}",
    ),
    _one(
        "replication_role",
        "setting session_replication_role",
        "GRANT SET ON PARAMETER session_replication_role TO {app}",
        "REVOKE SET ON PARAMETER session_replication_role FROM {app}",
    ),
    _one(
        "alter_system",
        "server",
        "GRANT ALTER SYSTEM ON PARAMETER log_statement TO {app}",
        "REVOKE ALTER SYSTEM ON PARAMETER log_statement FROM {app}",
    ),
    _one(
        "server_files",
        "function pg_read_file",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {app}; GRANT pg_read_server_files TO {app}",
        "REVOKE pg_read_server_files FROM {app}",
    ),
    # Where no temporary table can be made, either.
    _one(
        "server_files",
        "COPY FROM file",
        "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC; GRANT pg_read_server_files TO {app}",
        "REVOKE pg_read_server_files FROM {app}",
    ),
    _one(
        "server_files",
        "COPY TO PROGRAM",
        "GRANT pg_execute_server_program TO {app}",
        "REVOKE pg_execute_server_program FROM {app}",
    ),
    _one(
        "call_functions",
        "function public.all_labels",
        "CREATE FUNCTION all_labels() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS "
        "'SELECT label FROM public.shelves'",
    ),
    _one(
        "call_functions",
        "function public.tenant_of_workers_by_email",
        "DROP FUNCTION tenant_of_workers_by_email; CREATE FUNCTION tenant_of_workers_by_email(key_email varchar) "
        "RETURNS TABLE (tenant varchar, key uuid, name text) LANGUAGE sql SECURITY DEFINER AS "
        "'SELECT tenant_id, id, name FROM public.workers WHERE email = key_email'",
    ),
    _one(
        "shadow_tables",
        "function public.name_of",
        "CREATE FUNCTION name_of(wanted varchar) RETURNS text LANGUAGE sql SECURITY DEFINER AS "
        "'SELECT name FROM workers WHERE email = wanted'",
    ),
    _one(
        "shadow_tables",
        "function public.complain",
        "CREATE FUNCTION complain(wanted varchar) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS "
        "'DECLARE said text; BEGIN SELECT name INTO said FROM workers WHERE email = wanted; "
        "IF said IS NOT NULL THEN RAISE ''%'', said; END IF; RETURN NULL; END'",
    ),
    _one(
        "guess_lookups",
        "function public.tenant_of_workers_by_email",
        "DROP FUNCTION tenant_of_workers_by_email; CREATE FUNCTION tenant_of_workers_by_email(key_email varchar) "
        "RETURNS TABLE (tenant varchar, key uuid) LANGUAGE sql SECURITY DEFINER AS "
        "'SELECT tenant_id, id FROM public.workers WHERE email LIKE key_email'",
    ),
    _one(
        "read_views",
        "view public.all_shelves",
        "CREATE VIEW all_shelves AS SELECT * FROM shelves; GRANT SELECT ON all_shelves TO {app}",
    ),
    _one(
        "read_materialized_views",
        "materialized view public.copies",
        "CREATE MATERIALIZED VIEW copies AS SELECT * FROM shelves; GRANT SELECT ON copies TO {app}",
    ),
    _one(
        "read_stray_tables",
        "table public.backup",
        "CREATE TABLE backup AS SELECT * FROM shelves; GRANT SELECT ON backup TO {app}",
    ),
    _one(
        "read_stray_tables",
        "table public.archive_2024",
        "CREATE TABLE archive (tenant_id varchar, id uuid, label text); "
        "CREATE TABLE archive_2024 () INHERITS (archive); "
        "INSERT INTO archive_2024 SELECT tenant_id, id, label FROM shelves; GRANT SELECT ON archive_2024 TO {app}",
    ),
    _one("read_shared_tables", "public.currencies", f"INSERT INTO currencies SELECT {SHELF}"),
    _one(
        "read_shared_tables",
        "public.visits",
        f"ALTER TABLE visits ADD note text; INSERT INTO visits SELECT 77777, {SHELF}",
    ),
    _one(
        "name_partitions",
        "public.events_p",
        "ALTER TABLE events_p0 DISABLE ROW LEVEL SECURITY; ALTER TABLE events_p1 DISABLE ROW LEVEL SECURITY; "
        "GRANT SELECT ON events_p0, events_p1 TO {app}",
    ),
    # What is refused for another reason afterwards does not hide what was seen before.
    _one(
        "name_partitions",
        "public.old_shelves",
        "CREATE TABLE old_shelves () INHERITS (shelves); INSERT INTO old_shelves SELECT * FROM ONLY shelves; "
        "GRANT SELECT, UPDATE ON old_shelves TO {app}; CREATE FUNCTION stumble() RETURNS trigger "
        "LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / 0; RETURN NEW; END'; CREATE TRIGGER stumble BEFORE UPDATE "
        "ON old_shelves FOR EACH ROW EXECUTE FUNCTION stumble()",
    ),
    _one(
        "name_partitions",
        "public.old_shelves",
        "CREATE TABLE old_shelves () INHERITS (shelves); INSERT INTO old_shelves SELECT * FROM ONLY shelves; "
        "GRANT SELECT ON old_shelves TO {app}",
    ),
    _one("planner_statistics", "view pg_stats", OFF),
    _one("closed_catalogs", "table pg_catalog.pg_statistic", "GRANT SELECT ON pg_catalog.pg_statistic TO {app}"),
    _one("closed_catalogs", "table pg_catalog.pg_authid", "GRANT SELECT ON pg_catalog.pg_authid TO {app}"),
    _one(
        "catalog_texts",
        "comment on",
        "DO $do$ BEGIN EXECUTE format('COMMENT ON TABLE shelves IS %L', " + SHELF + "); END $do$",
    ),
    _one("watch_sessions", "role {app}", "GRANT pg_read_all_stats TO {app}", "REVOKE pg_read_all_stats FROM {app}"),
    _one("cancel_sessions", "role {admin}", "GRANT pg_signal_backend TO {app}", "REVOKE pg_signal_backend FROM {app}"),
    _one(
        "large_objects",
        "large object 777",
        f"SELECT lo_from_bytea(777, convert_to({SHELF}, 'UTF8')); GRANT SELECT ON LARGE OBJECT 777 TO PUBLIC",
    ),
]
