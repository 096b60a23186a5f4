"""Row security switched off, policies dropped or added, partitions opened, tables inherited."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["ROW_SECURITY"]

P = "tenant_isolation_policy"
Q = "owner_maintenance_policy"

ROW_SECURITY = (
    Sabotage(
        "row security off", "ALTER TABLE ships DISABLE ROW LEVEL SECURITY", ("rls_disabled",), "table public.ships"
    ),
    Sabotage(
        "row security off at the root",
        "ALTER TABLE companies DISABLE ROW LEVEL SECURITY",
        ("rls_disabled",),
        "table public.companies",
    ),
    Sabotage(
        "row security neither enabled nor forced",
        "ALTER TABLE cargo DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
        ("rls_disabled",),
        "table public.cargo",
    ),
    Sabotage(
        "row security not forced",
        "ALTER TABLE ships NO FORCE ROW LEVEL SECURITY",
        ("rls_not_forced",),
        "table public.ships",
    ),
    Sabotage(
        "row security on a shared table",
        "ALTER TABLE ports ENABLE ROW LEVEL SECURITY",
        ("rls_undeclared",),
        "table public.ports",
    ),
    Sabotage(
        "row security off on a partition",
        "ALTER TABLE logbook_p0 DISABLE ROW LEVEL SECURITY",
        ("rls_disabled",),
        "table public.logbook_p0",
    ),
    Sabotage(
        "row security not forced on a partition",
        "ALTER TABLE logbook_p3 NO FORCE ROW LEVEL SECURITY",
        ("rls_not_forced",),
        "table public.logbook_p3",
    ),
    Sabotage("tenant policy dropped", f"DROP POLICY {P} ON ships", ("policy_missing",), f"policy public.ships.{P}"),
    Sabotage(
        "tenant policy of the root dropped",
        f"DROP POLICY {P} ON companies",
        ("policy_missing",),
        f"policy public.companies.{P}",
    ),
    Sabotage(
        "maintenance policy dropped", f"DROP POLICY {Q} ON ships", ("policy_missing",), f"policy public.ships.{Q}"
    ),
    Sabotage(
        "maintenance policy of a partition dropped",
        f"DROP POLICY {Q} ON logbook_p1",
        ("policy_missing",),
        f"policy public.logbook_p1.{Q}",
    ),
    Sabotage(
        "tenant policy renamed",
        f"ALTER POLICY {P} ON ships RENAME TO other",
        ("policy_missing",),
        f"policy public.ships.{P}",
    ),
    Sabotage(
        "second permissive policy",
        "CREATE POLICY extra ON ships USING (true)",
        ("policy_undeclared",),
        "policy public.ships.extra",
        "error",
    ),
    Sabotage(
        "second permissive policy for one command",
        "CREATE POLICY extra ON ships FOR DELETE TO {app} USING (true)",
        ("policy_undeclared",),
        "policy public.ships.extra",
        "error",
    ),
    Sabotage(
        "second restrictive policy",
        "CREATE POLICY extra ON ships AS RESTRICTIVE USING (crew > 0)",
        ("policy_undeclared",),
        "policy public.ships.extra",
        "warning",
    ),
    Sabotage(
        "permissive policy on a partition",
        "CREATE POLICY extra ON logbook_p1",
        ("policy_undeclared",),
        "policy public.logbook_p1.extra",
        "error",
    ),
    Sabotage(
        "partition granted",
        "GRANT SELECT ON logbook_p2 TO {app}",
        ("partition_open",),
        "table public.logbook_p2",
        "error",
    ),
    Sabotage(
        "one column of a partition granted",
        "GRANT SELECT (note) ON logbook_p2 TO {app}",
        ("partition_open",),
        "table public.logbook_p2",
        "error",
    ),
    Sabotage(
        "undeclared partition granted",
        "CREATE TABLE copy (LIKE ships) PARTITION BY RANGE (created_at);;"
        "ALTER TABLE cargo DROP CONSTRAINT fk_cargo_tenant_id_ship_id_ships;;DROP TABLE ships;;"
        "ALTER TABLE copy RENAME TO ships;;CREATE TABLE ships_old PARTITION OF ships DEFAULT;;"
        "GRANT SELECT ON ships_old TO {app}",
        ("partition_open",),
        "table public.ships_old",
        "error",
    ),
    Sabotage(
        "undeclared partition without row security",
        "CREATE TABLE copy (LIKE ships) PARTITION BY RANGE (created_at);;"
        "ALTER TABLE cargo DROP CONSTRAINT fk_cargo_tenant_id_ship_id_ships;;DROP TABLE ships;;"
        "ALTER TABLE copy RENAME TO ships;;CREATE TABLE ships_old PARTITION OF ships DEFAULT",
        ("partition_open",),
        "table public.ships_old",
        "warning",
    ),
    Sabotage("partition dropped", "DROP TABLE logbook_p1", ("partitions_differ",), "table public.logbook"),
    Sabotage(
        "all partitions dropped",
        "DROP TABLE logbook_p0, logbook_p1, logbook_p2, logbook_p3",
        ("partitions_differ",),
        "table public.logbook",
    ),
    Sabotage(
        "partition renamed",
        "ALTER TABLE logbook_p1 RENAME TO elsewhere",
        ("partitions_differ",),
        "table public.logbook",
    ),
    Sabotage(
        "partition detached",
        "ALTER TABLE logbook DETACH PARTITION logbook_p1",
        ("partitions_differ",),
        "table public.logbook",
    ),
    Sabotage(
        "shared table partitioned",
        "DROP TABLE tides;;CREATE TABLE tides (day integer PRIMARY KEY) PARTITION BY HASH (day);;"
        "CREATE TABLE tides_p0 PARTITION OF tides FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        ("partitions_differ",),
        "table public.tides",
    ),
    Sabotage(
        "child by inheritance",
        "CREATE TABLE ships_old () INHERITS (ships)",
        ("inheritance_open",),
        "table public.ships_old",
        "warning",
    ),
    Sabotage(
        "child by inheritance granted",
        "CREATE TABLE ships_old () INHERITS (ships);;GRANT SELECT ON ships_old TO {app}",
        ("inheritance_open",),
        "table public.ships_old",
        "error",
    ),
    Sabotage(
        "parent by inheritance",
        "CREATE TABLE fleet (name varchar(80) NOT NULL);;ALTER TABLE ships INHERIT fleet",
        ("inheritance_open",),
        "table public.ships",
        "error",
    ),
    Sabotage(
        "tenant table made a partition",
        "CREATE TABLE all_cargo (LIKE cargo) PARTITION BY LIST (tenant_id);;"
        "ALTER TABLE all_cargo ATTACH PARTITION cargo DEFAULT",
        ("inheritance_open",),
        "table public.cargo",
        "error",
    ),
)
