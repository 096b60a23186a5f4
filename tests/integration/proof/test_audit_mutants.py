"""Every declaration is broken by hand, once, and the audit must name what was broken.

A mutant is made in a transaction that the audit looks at from inside and that is rolled back. `{app}`, `{owner}`,
`{admin}` and `{extension}` stand for the service's own names;
`;;` stands between statements.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Service
from tenantry.proof.audit import RULES, audit


@dataclass(frozen=True)
class Mutant:
    rule: str
    object: str
    sql: str
    severity: str = ""

    def __str__(self) -> str:
        return f"{self.rule}: {self.sql[:60]}"


POLICY = "tenant_isolation_policy"
OPEN_VIEW = "CREATE VIEW open_ships AS SELECT * FROM ships;; GRANT SELECT ON open_ships TO {app}"

MUTANTS = [
    Mutant("rls_disabled", "table public.ships", "ALTER TABLE ships DISABLE ROW LEVEL SECURITY"),
    Mutant("rls_disabled", "table public.companies", "ALTER TABLE companies DISABLE ROW LEVEL SECURITY"),
    Mutant(
        "rls_disabled",
        "table public.cargo",
        "ALTER TABLE cargo DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
    ),
    Mutant("rls_not_forced", "table public.ships", "ALTER TABLE ships NO FORCE ROW LEVEL SECURITY"),
    Mutant("rls_undeclared", "table public.ports", "ALTER TABLE ports ENABLE ROW LEVEL SECURITY"),
    Mutant("policy_missing", f"policy public.ships.{POLICY}", f"DROP POLICY {POLICY} ON ships"),
    Mutant("policy_missing", f"policy public.companies.{POLICY}", f"DROP POLICY {POLICY} ON companies"),
    Mutant(
        "policy_missing",
        "policy public.ships.owner_maintenance_policy",
        "DROP POLICY owner_maintenance_policy ON ships",
    ),
    Mutant("policy_altered", f"policy public.ships.{POLICY}", f"ALTER POLICY {POLICY} ON ships USING (true)"),
    Mutant("policy_altered", f"policy public.ships.{POLICY}", f"ALTER POLICY {POLICY} ON ships WITH CHECK (true)"),
    Mutant("policy_altered", f"policy public.ships.{POLICY}", f"ALTER POLICY {POLICY} ON ships TO PUBLIC"),
    Mutant(
        "policy_altered",
        f"policy public.cargo.{POLICY}",
        f"ALTER POLICY {POLICY} ON cargo USING (tenant_id::text = current_setting('app.current_tenant_id'))",
    ),
    Mutant("policy_undeclared", "policy public.ships.extra", "CREATE POLICY extra ON ships USING (true)", "error"),
    Mutant(
        "policy_undeclared",
        "policy public.ships.extra",
        "CREATE POLICY extra ON ships AS RESTRICTIVE USING (crew > 0)",
        "warning",
    ),
    Mutant("partition_open", "table public.logbook_p2", "GRANT SELECT ON logbook_p2 TO {app}", "error"),
    Mutant("rls_disabled", "table public.logbook_p0", "ALTER TABLE logbook_p0 DISABLE ROW LEVEL SECURITY"),
    Mutant("rls_not_forced", "table public.logbook_p3", "ALTER TABLE logbook_p3 NO FORCE ROW LEVEL SECURITY"),
    Mutant("policy_undeclared", "policy public.logbook_p1.extra", "CREATE POLICY extra ON logbook_p1", "error"),
    Mutant(
        "policy_missing",
        "policy public.logbook_p1.owner_maintenance_policy",
        "DROP POLICY owner_maintenance_policy ON logbook_p1",
    ),
    Mutant("partitions_differ", "table public.logbook", "DROP TABLE logbook_p1"),
    Mutant("partitions_differ", "table public.logbook", "DROP TABLE logbook_p0, logbook_p1, logbook_p2, logbook_p3"),
    Mutant("partitions_differ", "table public.logbook", "ALTER TABLE logbook_p1 RENAME TO elsewhere"),
    Mutant(
        "partitions_differ",
        "table public.tides",
        "DROP TABLE tides;; CREATE TABLE tides (day integer PRIMARY KEY) PARTITION BY HASH (day);;"
        "CREATE TABLE tides_p0 PARTITION OF tides FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
    ),
    Mutant("grant_missing", "table public.ships", "REVOKE UPDATE ON ships FROM {app}"),
    Mutant("grant_missing", "table public.tides", "REVOKE ALL ON tides FROM {app}"),
    Mutant("grant_missing", "table public.ports", "REVOKE INSERT ON ports FROM {admin}"),
    Mutant("grant_missing", "schema public.public", "REVOKE USAGE ON SCHEMA public FROM {app}"),
    Mutant("grant_undeclared", "table public.ports", "GRANT INSERT ON ports TO {app}", "error"),
    Mutant("grant_undeclared", "table public.cargo", "GRANT DELETE ON cargo TO {app}", "error"),
    Mutant("grant_undeclared", "table public.cargo.label", "GRANT UPDATE (label) ON cargo TO {app}", "error"),
    Mutant("grant_undeclared", "table public.ships", "GRANT REFERENCES ON ships TO {admin}", "warning"),
    Mutant(
        "grant_undeclared",
        "table public.ships",
        "CREATE ROLE mutant_bi;; GRANT SELECT ON ships TO mutant_bi",
        "warning",
    ),
    Mutant("grant_undeclared", "table public.alembic_version", "GRANT UPDATE ON alembic_version TO {app}", "error"),
    Mutant("grant_to_public", "table public.ships", "GRANT SELECT ON ships TO PUBLIC"),
    Mutant("grant_to_public", "table public.ships.name", "GRANT SELECT (name) ON ships TO PUBLIC"),
    Mutant("truncate_granted", "table public.ships", "GRANT ALL ON ships TO {app}"),
    Mutant("truncate_granted", "table public.companies", "GRANT TRUNCATE ON companies TO PUBLIC"),
    Mutant("grant_option", "table public.ships", "GRANT SELECT ON ships TO {app} WITH GRANT OPTION"),
    Mutant("schema_writable", "schema public", "GRANT CREATE ON SCHEMA public TO PUBLIC"),
    Mutant("schema_writable", "schema public", "GRANT CREATE ON SCHEMA public TO {app}"),
    Mutant("schema_unusable", "schema public", "REVOKE ALL ON SCHEMA public FROM PUBLIC, {app}"),
    Mutant(
        "default_privileges",
        "role {owner}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {app}",
    ),
    Mutant(
        "default_privileges", "role {owner}", "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO PUBLIC"
    ),
    Mutant("owner_differs", "table public.ships", "ALTER TABLE ships OWNER TO {app}", "error"),
    Mutant("owner_differs", "table public.ships", "ALTER TABLE ships OWNER TO postgres", "warning"),
    Mutant("function_missing", "function public.tenant_of.ship uuid", "DROP FUNCTION tenant_of(uuid)"),
    Mutant(
        "function_missing",
        "function public.update_updated_at_column",
        "DROP FUNCTION update_updated_at_column() CASCADE",
    ),
    Mutant("function_altered", "function public.tenant_of", "ALTER FUNCTION tenant_of(uuid) SECURITY INVOKER"),
    Mutant("function_altered", "function public.tenant_of", "ALTER FUNCTION tenant_of(uuid) RESET search_path"),
    Mutant("function_altered", "function public.tenant_of", "GRANT EXECUTE ON FUNCTION tenant_of(uuid) TO PUBLIC"),
    Mutant("function_altered", "function public.tenant_of", "REVOKE EXECUTE ON FUNCTION tenant_of(uuid) FROM {app}"),
    Mutant(
        "function_altered",
        "function public.update_updated_at_column",
        "CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql"
        " SET search_path = pg_catalog AS 'BEGIN RETURN NEW; END'",
    ),
    Mutant(
        "function_undeclared",
        "function public.all_ships",
        "CREATE FUNCTION all_ships() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "error",
    ),
    Mutant(
        "function_undeclared",
        "function public.two",
        "CREATE FUNCTION two() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        "info",
    ),
    Mutant(
        "trigger_missing",
        "trigger public.ships.trigger_ships_updated_at",
        "DROP TRIGGER trigger_ships_updated_at ON ships",
    ),
    Mutant(
        "trigger_disabled",
        "trigger public.ships.trigger_ships_updated_at",
        "ALTER TABLE ships DISABLE TRIGGER trigger_ships_updated_at",
    ),
    Mutant(
        "trigger_disabled", "trigger public.ships.trigger_ships_updated_at", "ALTER TABLE ships DISABLE TRIGGER USER"
    ),
    Mutant(
        "trigger_altered",
        "trigger public.ships.trigger_ships_updated_at",
        "CREATE OR REPLACE TRIGGER trigger_ships_updated_at BEFORE UPDATE OF name ON ships"
        " FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    ),
    Mutant(
        "trigger_undeclared",
        "trigger public.cargo.spy",
        "CREATE TRIGGER spy BEFORE INSERT ON cargo FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    ),
    Mutant("rule_undeclared", "rule public.cargo.spy", "CREATE RULE spy AS ON INSERT TO cargo DO ALSO NOTHING"),
    Mutant("extension_missing", "extension {extension}", "DROP EXTENSION {extension}"),
    Mutant("role_missing", "role {admin}", "ALTER ROLE {admin} RENAME TO mutant_admin"),
    Mutant("role_superuser", "role {app}", "ALTER ROLE {app} SUPERUSER"),
    Mutant("role_superuser", "role {owner}", "ALTER ROLE {owner} SUPERUSER"),
    Mutant("role_bypasses_rls", "role {app}", "ALTER ROLE {app} BYPASSRLS"),
    Mutant("role_bypasses_rls", "role {owner}", "ALTER ROLE {owner} BYPASSRLS"),
    Mutant("role_membership", "role {app}", "GRANT {owner} TO {app}"),
    Mutant("role_membership", "role {app}", "GRANT pg_read_all_data TO {app}"),
    Mutant("admin_held", "role {admin}", "ALTER ROLE {admin} NOBYPASSRLS"),
    Mutant("owner_logs_in", "role {owner}", "ALTER ROLE {owner} LOGIN"),
    Mutant("role_attribute", "role {app}", "ALTER ROLE {app} CREATEROLE"),
    Mutant("role_attribute", "role {app}", "ALTER ROLE {app} REPLICATION"),
    Mutant("tenant_preset", "role {app}", "ALTER ROLE {app} SET app.current_tenant_id = 'acme'"),
    Mutant("table_missing", "table public.cargo", "DROP TABLE cargo"),
    Mutant("column_missing", "column public.ships.crew", "ALTER TABLE ships DROP COLUMN crew"),
    Mutant(
        "column_nullability",
        "column public.ships.tenant_id",
        "ALTER TABLE ships ALTER tenant_id DROP NOT NULL",
        "error",
    ),
    Mutant("column_nullability", "column public.ships.name", "ALTER TABLE ships ALTER name DROP NOT NULL", "warning"),
    Mutant("column_nullability", "column public.cargo.label", "ALTER TABLE cargo ALTER label SET NOT NULL", "warning"),
    Mutant(
        "column_default", "column public.ships.tenant_id", "ALTER TABLE ships ALTER tenant_id DROP DEFAULT", "error"
    ),
    Mutant(
        "column_default",
        "column public.ships.tenant_id",
        "ALTER TABLE ships ALTER tenant_id SET DEFAULT 'acme'",
        "error",
    ),
    Mutant("column_default", "column public.ships.crew", "ALTER TABLE ships ALTER crew SET DEFAULT 2", "warning"),
    Mutant("column_default", "column public.cargo.label", "ALTER TABLE cargo ALTER label SET DEFAULT ''", "warning"),
    Mutant(
        "tenant_index_missing",
        "table public.cargo",
        "DROP INDEX ix_cargo_tenant_id_ship_id",
    ),
    Mutant("table_undeclared", "table public.stray", "CREATE TABLE stray (id integer)", "warning"),
    Mutant(
        "table_undeclared",
        "table public.stray",
        "CREATE TABLE stray (id integer);; GRANT SELECT ON stray TO {app}",
        "error",
    ),
    Mutant("column_undeclared", "column public.ships.flag", "ALTER TABLE ships ADD COLUMN flag text"),
    Mutant("column_type", "column public.ships.name", "ALTER TABLE ships ALTER name TYPE varchar(90)"),
    Mutant("column_type", "column public.ships.crew", "ALTER TABLE ships ALTER crew TYPE bigint"),
    Mutant("index_missing", "index public.ix_ships_tenant_id_name", "DROP INDEX ix_ships_tenant_id_name"),
    Mutant(
        "index_invalid",
        "index public.ix_ships_tenant_id_name",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_ships_tenant_id_name'::regclass",
    ),
    Mutant(
        "index_altered",
        "index public.ix_ships_tenant_id_name",
        "DROP INDEX ix_ships_tenant_id_name;; CREATE INDEX ix_ships_tenant_id_name ON ships (name, tenant_id)",
    ),
    Mutant(
        "index_altered",
        "index public.ix_ships_ferries",
        "DROP INDEX ix_ships_ferries;; CREATE INDEX ix_ships_ferries ON ships (tenant_id) WHERE kind = 'barge'",
    ),
    Mutant("unique_undeclared", "index public.ships_name_key", "CREATE UNIQUE INDEX ships_name_key ON ships (name)"),
    Mutant(
        "unique_undeclared",
        "constraint public.ships.one_name",
        "ALTER TABLE ships ADD CONSTRAINT one_name UNIQUE (name)",
    ),
    Mutant(
        "constraint_missing",
        "constraint public.ships.ck_ships_kind",
        "ALTER TABLE ships DROP CONSTRAINT ck_ships_kind",
    ),
    Mutant(
        "constraint_missing",
        "constraint public.companies.uq_companies_tenant_id",
        "ALTER TABLE companies DROP CONSTRAINT uq_companies_tenant_id",
    ),
    Mutant(
        "constraint_missing",
        "constraint public.ports.pk_ports",
        "ALTER TABLE ports DROP CONSTRAINT pk_ports",
    ),
    Mutant(
        "constraint_altered",
        "constraint public.ships.ck_ships_kind",
        "ALTER TABLE ships DROP CONSTRAINT ck_ships_kind;;"
        "ALTER TABLE ships ADD CONSTRAINT ck_ships_kind CHECK (kind IN ('barge', 'ferry', 'yacht'))",
    ),
    Mutant(
        "constraint_altered",
        "constraint public.cargo.fk_cargo_tenant_id_ship_id_ships",
        "ALTER TABLE cargo DROP CONSTRAINT fk_cargo_tenant_id_ship_id_ships;;"
        "ALTER TABLE cargo ADD CONSTRAINT fk_cargo_tenant_id_ship_id_ships"
        " FOREIGN KEY (tenant_id, ship_id) REFERENCES ships (tenant_id, id)",
    ),
    Mutant(
        "constraint_unproven",
        "constraint public.ships.ck_ships_kind",
        "ALTER TABLE ships DROP CONSTRAINT ck_ships_kind;;"
        "ALTER TABLE ships ADD CONSTRAINT ck_ships_kind CHECK (kind IN ('barge', 'ferry')) NOT VALID",
    ),
    Mutant(
        "constraint_undeclared",
        "constraint public.cargo.loose",
        "ALTER TABLE ships ADD CONSTRAINT alone UNIQUE (id);;"
        "ALTER TABLE cargo ADD CONSTRAINT loose FOREIGN KEY (ship_id) REFERENCES ships (id)",
        "error",
    ),
    Mutant(
        "constraint_undeclared",
        "constraint public.ships.small",
        "ALTER TABLE ships ADD CONSTRAINT small CHECK (crew < 9)",
    ),
    Mutant("table_unlogged", "table public.tides", "ALTER TABLE tides SET UNLOGGED"),
    Mutant("revision_behind", "revision 00b1", "DELETE FROM alembic_version"),
    Mutant("revision_behind", "revision 00b1", "DROP TABLE alembic_version"),
    Mutant("revision_unknown", "revision ffff", "UPDATE alembic_version SET version_num = 'ffff'"),
    Mutant("view_open", "view public.open_ships", OPEN_VIEW),
    Mutant(
        "view_open",
        "view reports.ships",
        "CREATE SCHEMA reports;; GRANT USAGE ON SCHEMA reports TO {app};;"
        "CREATE VIEW reports.ships AS SELECT * FROM public.ships;; GRANT SELECT ON reports.ships TO {app}",
    ),
    Mutant("view_undeclared", "view public.open_ships", "CREATE VIEW open_ships AS SELECT * FROM ships"),
    Mutant(
        "materialized_view_open",
        "materialized view public.copies",
        "CREATE MATERIALIZED VIEW copies AS SELECT * FROM ships;; GRANT SELECT ON copies TO {app}",
    ),
    Mutant(
        "partition_open",
        "table public.ships_old",
        "CREATE TABLE copy (LIKE ships) PARTITION BY RANGE (created_at);;"
        "ALTER TABLE cargo DROP CONSTRAINT fk_cargo_tenant_id_ship_id_ships;;"
        "DROP TABLE ships;; ALTER TABLE copy RENAME TO ships;;"
        "CREATE TABLE ships_old PARTITION OF ships DEFAULT;; GRANT SELECT ON ships_old TO {app}",
        "error",
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
async def test_a_broken_declaration_is_found(superuser: AsyncConnection, service: Service, mutant: Mutant) -> None:
    """The finding names the object, and has SQL or a command to mend it."""
    names = {
        "app": service.roles.application,
        "owner": service.roles.owner,
        "admin": service.roles.admin,
        "extension": service.extensions[0],
    }
    for statement in mutant.sql.format(**names).split(";;"):
        await superuser.exec_driver_sql(statement)
    findings = await audit(superuser, service)
    wanted = mutant.object.format(**names)
    found = [one for one in findings if one.code == RULES[mutant.rule].code and one.object.startswith(wanted)]
    assert found, findings
    assert mutant.severity in {"", found[0].severity}
    assert found[0].remedy
    assert found[0].service == "harbour"


def test_every_rule_has_a_mutant() -> None:
    """A check that cannot fail is none. What no transaction of ours can make is listed with its reason."""
    elsewhere = {
        "extension_undeclared",  # what a server has besides the declared one differs
        "foreign_table_open",  # needs a foreign-data wrapper
        "not_compared",  # depends on who asks
        "server_outdated",  # depends on the server
    }
    assert {mutant.rule for mutant in MUTANTS} | elsewhere == set(RULES)
