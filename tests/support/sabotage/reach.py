"""Views, foreign tables and servers, replication, large objects."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["REACH"]

FAR = "CREATE FOREIGN DATA WRAPPER elsewhere;;CREATE SERVER far FOREIGN DATA WRAPPER elsewhere"
SUBSCRIBED = (
    "CREATE SUBSCRIPTION feed CONNECTION 'dbname=nowhere' PUBLICATION feed WITH (connect = false, slot_name = NONE, "
    "enabled = false)"
)

REACH = (
    Sabotage(
        "view of its owner",
        "CREATE VIEW open_ships AS SELECT * FROM ships;;GRANT SELECT ON open_ships TO {app}",
        ("view_open",),
        "view public.open_ships",
    ),
    Sabotage(
        "view of its owner for PUBLIC",
        "CREATE VIEW open_ships AS SELECT * FROM ships;;GRANT SELECT ON open_ships TO PUBLIC",
        ("view_open",),
        "view public.open_ships",
    ),
    Sabotage(
        "view of its owner, one column",
        "CREATE VIEW open_ships AS SELECT * FROM ships;;GRANT SELECT (name) ON open_ships TO {app}",
        ("view_open",),
        "view public.open_ships",
    ),
    Sabotage(
        "view with a barrier alone",
        "CREATE VIEW open_ships WITH (security_barrier) AS SELECT * FROM ships;;GRANT SELECT ON open_ships TO {app}",
        ("view_open",),
        "view public.open_ships",
    ),
    Sabotage(
        "view in another schema",
        "CREATE SCHEMA reports;;GRANT USAGE ON SCHEMA reports TO {app};;"
        "CREATE VIEW reports.ships AS SELECT * FROM public.ships;;GRANT SELECT ON reports.ships TO {app}",
        ("view_open",),
        "view reports.ships",
    ),
    Sabotage(
        "stray view", "CREATE VIEW open_ships AS SELECT * FROM ships", ("view_undeclared",), "view public.open_ships"
    ),
    Sabotage("declared view dropped", "DROP VIEW constants", ("view_missing",), "view public.constants"),
    Sabotage(
        "declared view of other rows",
        "CREATE OR REPLACE VIEW constants WITH (security_invoker = true) AS SELECT 2 AS one",
        ("view_altered",),
        "view public.constants",
    ),
    Sabotage(
        "declared view of its owner",
        "ALTER VIEW constants SET (security_invoker = false)",
        ("view_altered",),
        "view public.constants",
    ),
    Sabotage(
        "declared view of its owner for the application",
        "ALTER VIEW constants SET (security_invoker = false);;GRANT SELECT ON constants TO {app}",
        ("view_altered", "view_open"),
        "view public.constants",
    ),
    Sabotage(
        "declared comment gone",
        "COMMENT ON FUNCTION tenant_of IS NULL",
        ("comment_differs",),
        "comment public.FUNCTION.tenant_of(ship uuid)",
    ),
    Sabotage(
        "materialized view granted",
        "CREATE MATERIALIZED VIEW copies AS SELECT * FROM ships;;GRANT SELECT ON copies TO {app}",
        ("materialized_view_open",),
        "materialized view public.copies",
    ),
    Sabotage(
        "foreign table granted",
        f"{FAR};;CREATE FOREIGN TABLE far_ships (name text) SERVER far;;GRANT SELECT ON far_ships TO {{app}}",
        ("foreign_table_open",),
        "foreign table public.far_ships",
    ),
    Sabotage(
        "foreign server usable",
        f"{FAR};;GRANT USAGE ON FOREIGN SERVER far TO {{app}}",
        ("foreign_server_usable",),
        "foreign server far",
    ),
    Sabotage(
        "foreign-data wrapper usable",
        f"{FAR};;GRANT USAGE ON FOREIGN DATA WRAPPER elsewhere TO PUBLIC",
        ("foreign_server_usable",),
        "foreign-data wrapper elsewhere",
    ),
    Sabotage(
        "user mapping",
        f"{FAR};;CREATE USER MAPPING FOR {{app}} SERVER far",
        ("foreign_server_usable",),
        "user mapping far",
    ),
    Sabotage(
        "user mapping for all",
        f"{FAR};;CREATE USER MAPPING FOR PUBLIC SERVER far",
        ("foreign_server_usable",),
        "user mapping far",
    ),
    Sabotage(
        "publication of a table", "CREATE PUBLICATION feed FOR TABLE ships", ("publication_open",), "publication feed"
    ),
    Sabotage(
        "publication of a partitioned table",
        "CREATE PUBLICATION feed FOR TABLE logbook",
        ("publication_open",),
        "publication feed",
    ),
    Sabotage(
        "publication of all tables", "CREATE PUBLICATION feed FOR ALL TABLES", ("publication_open",), "publication feed"
    ),
    Sabotage(
        "publication of a schema",
        "CREATE PUBLICATION feed FOR TABLES IN SCHEMA public",
        ("publication_open",),
        "publication feed",
    ),
    Sabotage("subscription", SUBSCRIBED, ("subscription",), "subscription feed"),
    Sabotage("large object", "SELECT lo_create(0)", ("large_objects",), "large objects", "warning"),
    Sabotage(
        "large object of the application",
        "SELECT lo_create(4711);;GRANT SELECT ON LARGE OBJECT 4711 TO {app}",
        ("large_objects",),
        "large objects",
        "error",
    ),
)
