"""Tables, columns and indexes."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["TABLES"]

SHIP = "fk_cargo_tenant_id_ship_id_ships"
NO_SHIP = f"ALTER TABLE cargo DROP CONSTRAINT {SHIP}"
BY_NAME = "ix_ships_tenant_id_name"

TABLES = (
    Sabotage("table dropped", "DROP TABLE cargo", ("table_missing",), "table public.cargo"),
    Sabotage("column dropped", "ALTER TABLE ships DROP COLUMN crew", ("column_missing",), "column public.ships.crew"),
    Sabotage(
        "tenant nullable",
        "ALTER TABLE ships ALTER tenant_id DROP NOT NULL",
        ("column_nullability",),
        "column public.ships.tenant_id",
        "error",
    ),
    Sabotage(
        "column nullable",
        "ALTER TABLE ships ALTER name DROP NOT NULL",
        ("column_nullability",),
        "column public.ships.name",
        "warning",
    ),
    Sabotage(
        "column not nullable",
        "ALTER TABLE cargo ALTER label SET NOT NULL",
        ("column_nullability",),
        "column public.cargo.label",
        "warning",
    ),
    Sabotage(
        "tenant without default",
        "ALTER TABLE ships ALTER tenant_id DROP DEFAULT",
        ("column_default",),
        "column public.ships.tenant_id",
        "error",
    ),
    Sabotage(
        "tenant by default acme",
        "ALTER TABLE ships ALTER tenant_id SET DEFAULT 'acme'",
        ("column_default",),
        "column public.ships.tenant_id",
        "error",
    ),
    Sabotage(
        "an identity column that refuses numbers",
        "ALTER TABLE tides ALTER number SET GENERATED ALWAYS SET CACHE 5",
        ("column_generation",),
        "column public.tides.number",
        "warning",
    ),
    Sabotage(
        "a column that lost its identity",
        "ALTER TABLE tides ALTER number DROP IDENTITY",
        ("column_generation",),
        "column public.tides.number",
    ),
    Sabotage(
        "a comment on a column",
        "COMMENT ON COLUMN ships.name IS 'it''s old'",
        ("column_comment",),
        "column public.ships.name",
        "info",
    ),
    Sabotage(
        "a comment on a table", "COMMENT ON TABLE ships IS 'old'", ("table_altered",), "table public.ships", "info"
    ),
    Sabotage(
        "a table that is stored in another way",
        "ALTER TABLE ships SET (fillfactor = 50)",
        ("table_altered",),
        "table public.ships",
        "warning",
    ),
    Sabotage(
        "an index that nobody declared",
        "CREATE INDEX extra ON ships (name)",
        ("index_undeclared",),
        "index public.extra",
        "info",
    ),
    Sabotage(
        "an enum without a value",
        "ALTER TYPE phase RENAME TO former;; CREATE TYPE phase AS ENUM ('flood')",
        ("type_altered",),
        "enum public.phase",
        "error",
    ),
    Sabotage(
        "a domain that accepts less",
        "ALTER DOMAIN height DROP CONSTRAINT height_check;; "
        "ALTER DOMAIN height ADD CONSTRAINT height_check CHECK (VALUE < 3);; ALTER DOMAIN height SET DEFAULT 2",
        ("type_altered",),
        "domain public.height",
    ),
    Sabotage(
        "an enum by another name",
        "ALTER TYPE phase RENAME TO former",
        ("type_missing",),
        "enum public.phase",
        "error",
    ),
    Sabotage(
        "another default",
        "ALTER TABLE ships ALTER crew SET DEFAULT 2",
        ("column_default",),
        "column public.ships.crew",
        "warning",
    ),
    Sabotage(
        "a default that nobody declared",
        "ALTER TABLE cargo ALTER label SET DEFAULT ''",
        ("column_default",),
        "column public.cargo.label",
        "warning",
    ),
    Sabotage(
        "no index leads with the tenant",
        "DROP INDEX ix_cargo_tenant_id_ship_id",
        ("tenant_index_missing",),
        "table public.cargo",
    ),
    Sabotage(
        "only a partial index leads with the tenant",
        "DROP INDEX ix_cargo_tenant_id_ship_id;;"
        "CREATE INDEX ix_cargo_tenant_id_ship_id ON cargo (tenant_id, ship_id) WHERE label IS NULL",
        ("tenant_index_missing",),
        "table public.cargo",
    ),
    Sabotage("stray table", "CREATE TABLE stray (id integer)", ("table_undeclared",), "table public.stray", "warning"),
    Sabotage(
        "stray table granted",
        "CREATE TABLE stray (id integer);;GRANT SELECT ON stray TO {app}",
        ("table_undeclared",),
        "table public.stray",
        "error",
    ),
    Sabotage(
        "copy of a tenant table in another schema",
        "CREATE SCHEMA old;;GRANT USAGE ON SCHEMA old TO {app};;CREATE TABLE old.ships AS TABLE ships;;"
        "GRANT SELECT ON old.ships TO {app}",
        ("table_undeclared",),
        "table old.ships",
        "error",
    ),
    Sabotage(
        "stray column", "ALTER TABLE ships ADD COLUMN flag text", ("column_undeclared",), "column public.ships.flag"
    ),
    Sabotage(
        "shorter text",
        "ALTER TABLE ships ALTER name TYPE varchar(90)",
        ("column_type",),
        "column public.ships.name",
        "warning",
    ),
    Sabotage(
        "another integer",
        "ALTER TABLE ships ALTER crew TYPE bigint",
        ("column_type",),
        "column public.ships.crew",
        "warning",
    ),
    Sabotage(
        "another type of tenant",
        f"{NO_SHIP};;DROP POLICY tenant_isolation_policy ON cargo;;ALTER TABLE cargo ALTER tenant_id TYPE varchar(90)",
        ("column_type",),
        "column public.cargo.tenant_id",
        "error",
    ),
    Sabotage(
        "tenants in any case",
        "UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'ucs_basic';;"
        "UPDATE pg_attribute SET attcollation = 'ucs_basic'::regcollation WHERE attrelid = 'ships'::regclass AND "
        "attname = 'tenant_id'",
        ("tenant_collation",),
        "column public.ships.tenant_id",
    ),
    Sabotage("index dropped", f"DROP INDEX {BY_NAME}", ("index_missing",), f"index public.{BY_NAME}"),
    Sabotage(
        "index invalid",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{BY_NAME}'::regclass",
        ("index_invalid",),
        f"index public.{BY_NAME}",
    ),
    Sabotage(
        "index over other columns",
        f"DROP INDEX {BY_NAME};;CREATE INDEX {BY_NAME} ON ships (name, tenant_id)",
        ("index_altered",),
        f"index public.{BY_NAME}",
    ),
    Sabotage(
        "index over other rows",
        "DROP INDEX ix_ships_ferries;;CREATE INDEX ix_ships_ferries ON ships (tenant_id) WHERE kind = 'barge'",
        ("index_altered",),
        "index public.ix_ships_ferries",
    ),
)
