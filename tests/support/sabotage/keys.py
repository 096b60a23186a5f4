"""Keys, checks, references across tenants, sequences, and the revision."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["KEYS"]

KIND = "constraint public.ships.ck_ships_kind"
NO_KIND = "ALTER TABLE ships DROP CONSTRAINT ck_ships_kind"
SHIP = "fk_cargo_tenant_id_ship_id_ships"
NO_SHIP = f"ALTER TABLE cargo DROP CONSTRAINT {SHIP}"
LOOSE = "ALTER TABLE cargo ADD CONSTRAINT loose FOREIGN KEY (ship_id) REFERENCES ships (id)"


KEYS = (
    Sabotage(
        "unique index across tenants",
        "CREATE UNIQUE INDEX ships_name_key ON ships (name)",
        ("unique_undeclared",),
        "index public.ships_name_key",
    ),
    Sabotage(
        "unique expression across tenants",
        "CREATE UNIQUE INDEX ships_name_key ON ships (lower(name))",
        ("unique_undeclared",),
        "index public.ships_name_key",
    ),
    Sabotage(
        "unique key across tenants",
        "ALTER TABLE ships ADD CONSTRAINT one_name UNIQUE (name)",
        ("unique_undeclared",),
        "constraint public.ships.one_name",
    ),
    Sabotage(
        "exclusion across tenants",
        "ALTER TABLE ships ADD CONSTRAINT one_name EXCLUDE (name WITH =)",
        ("unique_undeclared",),
        "constraint public.ships.one_name",
    ),
    Sabotage(
        "exclusion of an expression over the tenant",
        "ALTER TABLE ships ADD CONSTRAINT one_name EXCLUDE ((lower(tenant_id)) WITH =, name WITH =)",
        ("unique_undeclared",),
        "constraint public.ships.one_name",
    ),
    Sabotage("check dropped", NO_KIND, ("constraint_missing",), KIND),
    Sabotage(
        "unique key of the root dropped",
        "ALTER TABLE companies DROP CONSTRAINT uq_companies_tenant_id",
        ("constraint_missing",),
        "constraint public.companies.uq_companies_tenant_id",
    ),
    Sabotage(
        "primary key dropped",
        "ALTER TABLE ports DROP CONSTRAINT pk_ports",
        ("constraint_missing",),
        "constraint public.ports.pk_ports",
    ),
    Sabotage("reference dropped", NO_SHIP, ("constraint_missing",), f"constraint public.cargo.{SHIP}"),
    Sabotage(
        "check of more kinds",
        f"{NO_KIND};;ALTER TABLE ships ADD CONSTRAINT ck_ships_kind CHECK (kind IN ('barge', 'ferry', 'yacht'))",
        ("constraint_altered",),
        KIND,
    ),
    Sabotage(
        "reference without its cascade",
        f"{NO_SHIP};;"
        f"ALTER TABLE cargo ADD CONSTRAINT {SHIP} FOREIGN KEY (tenant_id, ship_id) REFERENCES ships (tenant_id, id)",
        ("constraint_altered",),
        f"constraint public.cargo.{SHIP}",
    ),
    Sabotage(
        "reference without the tenant, under the declared name",
        f"{NO_SHIP};;ALTER TABLE cargo ADD CONSTRAINT {SHIP} FOREIGN KEY (ship_id) REFERENCES ships (id)",
        ("constraint_altered", "reference_across"),
        f"constraint public.cargo.{SHIP}",
        "error",
    ),
    Sabotage(
        "check not validated",
        f"{NO_KIND};;ALTER TABLE ships ADD CONSTRAINT ck_ships_kind CHECK (kind IN ('barge', 'ferry')) NOT VALID",
        ("constraint_unproven",),
        KIND,
    ),
    Sabotage(
        "reference not validated",
        f"{NO_SHIP};;"
        f"ALTER TABLE cargo ADD CONSTRAINT {SHIP} FOREIGN KEY (tenant_id, ship_id) REFERENCES ships (tenant_id, id) "
        "ON DELETE CASCADE NOT VALID",
        ("constraint_unproven",),
        f"constraint public.cargo.{SHIP}",
    ),
    Sabotage(
        "stray check",
        "ALTER TABLE ships ADD CONSTRAINT small CHECK (crew < 9)",
        ("constraint_undeclared",),
        "constraint public.ships.small",
    ),
    Sabotage("reference without the tenant", LOOSE, ("reference_across",), "constraint public.cargo.loose", "error"),
    Sabotage(
        "cascade without the tenant",
        f"{LOOSE} ON DELETE CASCADE",
        ("reference_across", "cascade_across"),
        "constraint public.cargo.loose",
        "error",
    ),
    Sabotage(
        "SET NULL without the tenant",
        f"{LOOSE} ON DELETE SET NULL",
        ("cascade_across",),
        "constraint public.cargo.loose",
        "error",
    ),
    Sabotage(
        "ON UPDATE CASCADE without the tenant",
        f"{LOOSE} ON UPDATE CASCADE",
        ("cascade_across",),
        "constraint public.cargo.loose",
        "error",
    ),
    Sabotage(
        "stray table that refers to tenants",
        "CREATE TABLE notes (ship uuid REFERENCES ships)",
        ("reference_across",),
        "constraint public.notes.notes_ship_fkey",
        "warning",
    ),
    Sabotage(
        "stray table that probes tenants",
        "CREATE TABLE notes (ship uuid REFERENCES ships);;GRANT INSERT ON notes TO {app}",
        ("reference_across",),
        "constraint public.notes.notes_ship_fkey",
        "error",
    ),
    Sabotage(
        "shared table that refers to tenants",
        "ALTER TABLE ports ADD COLUMN ship uuid REFERENCES ships ON DELETE CASCADE",
        ("cascade_across",),
        "constraint public.ports.ports_ship_fkey",
        "error",
    ),
    Sabotage(
        "global table that refers to tenants",
        "ALTER TABLE tides ADD COLUMN ship uuid REFERENCES ships",
        ("reference_across",),
        "constraint public.tides.tides_ship_fkey",
        "error",
    ),
    Sabotage(
        "cascade from a table that all may delete from",
        "ALTER TABLE ships ADD COLUMN day integer REFERENCES tides ON DELETE CASCADE",
        ("cascade_across",),
        "constraint public.ships.ships_day_fkey",
        "error",
    ),
    Sabotage(
        "cascade from a key that all may update",
        "ALTER TABLE ships ADD COLUMN day integer REFERENCES tides ON UPDATE CASCADE",
        ("cascade_across",),
        "constraint public.ships.ships_day_fkey",
        "error",
    ),
    Sabotage("unlogged table", "ALTER TABLE tides SET UNLOGGED", ("table_unlogged",), "table public.tides"),
    Sabotage(
        "sequence readable",
        "ALTER TABLE cargo ADD COLUMN number serial;;GRANT SELECT ON SEQUENCE cargo_number_seq TO {app}",
        ("sequence_exposed",),
        "sequence public.cargo_number_seq",
    ),
    Sabotage(
        "sequence writable",
        "ALTER TABLE cargo ADD COLUMN number serial;;GRANT UPDATE ON SEQUENCE cargo_number_seq TO {app}",
        ("sequence_exposed",),
        "sequence public.cargo_number_seq",
    ),
    Sabotage(
        "sequence of an identity readable",
        "ALTER TABLE cargo ADD COLUMN number integer GENERATED ALWAYS AS IDENTITY;;"
        "GRANT SELECT ON SEQUENCE cargo_number_seq TO PUBLIC",
        ("sequence_exposed", "grant_to_public"),
        "sequence public.cargo_number_seq",
    ),
    Sabotage(
        "sequence of a default readable",
        "CREATE SEQUENCE numbers;;ALTER TABLE cargo ADD COLUMN number integer DEFAULT nextval('numbers');;"
        "GRANT SELECT ON SEQUENCE numbers TO {app}",
        ("sequence_exposed",),
        "sequence public.numbers",
    ),
    Sabotage("stray sequence", "CREATE SEQUENCE numbers", ("sequence_undeclared",), "sequence public.numbers", "info"),
    Sabotage(
        "sequence usable",
        "ALTER TABLE cargo ADD COLUMN number serial;;GRANT USAGE ON SEQUENCE cargo_number_seq TO {app}",
        ("grant_undeclared",),
        "sequence public.cargo_number_seq",
        "info",
    ),
    Sabotage(
        "serial column without its sequence",
        "ALTER TABLE signals ALTER id DROP DEFAULT;;DROP SEQUENCE signals_id_seq",
        ("column_default",),
        "column public.signals.id",
        "error",
    ),
    Sabotage(
        "declared sequence dropped", "DROP SEQUENCE berths", ("sequence_differs",), "sequence public.berths", "error"
    ),
    Sabotage(
        "declared sequence altered",
        "ALTER SEQUENCE berths AS integer INCREMENT BY 2",
        ("sequence_differs",),
        "sequence public.berths",
        "warning",
    ),
    Sabotage(
        "serial column's sequence that may not be used",
        "REVOKE USAGE ON SEQUENCE signals_id_seq FROM {app}, {admin}",
        ("grant_missing",),
        "sequence public.signals_id_seq",
    ),
    Sabotage(
        "sequence of a global table that may be set",
        "GRANT UPDATE ON SEQUENCE signals_id_seq TO {app}",
        ("grant_undeclared",),
        "sequence public.signals_id_seq",
    ),
    Sabotage("no revision", "DELETE FROM alembic_version", ("revision_behind",), "revision 00b1"),
    Sabotage("no table of the revision", "DROP TABLE alembic_version", ("revision_behind",), "revision 00b1"),
    Sabotage(
        "revision of another build",
        "UPDATE alembic_version SET version_num = 'ffff'",
        ("revision_unknown",),
        "revision ffff",
    ),
)
