"""Functions, triggers, rules, operators and languages."""

from __future__ import annotations

from sabotage.model import Sabotage

__all__ = ["ROUTINES"]

TOUCH = "function public.update_updated_at_column"
FIRED = "trigger public.ships.trigger_ships_updated_at"
DEFINER = "LANGUAGE sql SECURITY DEFINER"
OPEN = "SET search_path = pg_catalog AS 'SELECT count(*) FROM public.ships'"

ROUTINES = (
    Sabotage(
        "lookup dropped", "DROP FUNCTION tenant_of(uuid)", ("function_missing",), "function public.tenant_of.ship uuid"
    ),
    Sabotage(
        "trigger's function dropped", "DROP FUNCTION update_updated_at_column() CASCADE", ("function_missing",), TOUCH
    ),
    Sabotage(
        "lookup runs as its caller",
        "ALTER FUNCTION tenant_of(uuid) SECURITY INVOKER",
        ("function_altered",),
        "function public.tenant_of",
    ),
    Sabotage(
        "lookup's path not pinned",
        "ALTER FUNCTION tenant_of(uuid) RESET search_path",
        ("function_altered", "definer_unpinned"),
        "function public.tenant_of",
        "error",
    ),
    Sabotage(
        "lookup for PUBLIC",
        "GRANT EXECUTE ON FUNCTION tenant_of(uuid) TO PUBLIC",
        ("function_altered", "definer_to_public"),
        "function public.tenant_of",
        "error",
    ),
    Sabotage(
        "lookup for nobody",
        "REVOKE EXECUTE ON FUNCTION tenant_of(uuid) FROM {app}",
        ("function_altered",),
        "function public.tenant_of",
    ),
    Sabotage(
        "lookup that tells more",
        "CREATE OR REPLACE FUNCTION tenant_of(ship uuid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET "
        "search_path = pg_catalog, pg_temp AS 'SELECT string_agg(s.name, chr(10)) FROM public.ships AS s'",
        ("function_altered",),
        "function public.tenant_of",
    ),
    Sabotage(
        "trigger's function replaced",
        "CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql SET search_path = "
        "pg_catalog AS 'BEGIN RETURN NEW; END'",
        ("function_altered",),
        TOUCH,
    ),
    Sabotage(
        "trigger's function with its owner's rights",
        "ALTER FUNCTION update_updated_at_column() SECURITY DEFINER",
        ("function_altered",),
        TOUCH,
    ),
    Sabotage(
        "definer function",
        f"CREATE FUNCTION all_ships() RETURNS bigint {DEFINER} {OPEN}",
        ("function_undeclared", "definer_to_public"),
        "function public.all_ships",
        "error",
    ),
    Sabotage(
        "definer function by name",
        f"CREATE FUNCTION all_ships() RETURNS bigint {DEFINER} {OPEN};;"
        f"REVOKE ALL ON FUNCTION all_ships() FROM PUBLIC;;GRANT EXECUTE ON FUNCTION all_ships() TO {{app}}",
        ("function_undeclared",),
        "function public.all_ships",
        "error",
    ),
    Sabotage(
        "definer function in another schema",
        f"CREATE SCHEMA tools;;GRANT USAGE ON SCHEMA tools TO {{app}};;"
        f"CREATE FUNCTION tools.all_ships() RETURNS bigint {DEFINER} {OPEN}",
        ("function_undeclared",),
        "function tools.all_ships",
        "error",
    ),
    Sabotage(
        "definer procedure",
        "CREATE PROCEDURE sink() LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'DELETE FROM "
        "public.ships'",
        ("function_undeclared", "definer_to_public"),
        "procedure public.sink",
        "error",
    ),
    Sabotage(
        "definer function without a path",
        f"CREATE FUNCTION all_ships() RETURNS integer {DEFINER} AS 'SELECT 1';;"
        "REVOKE ALL ON FUNCTION all_ships() FROM PUBLIC",
        ("definer_unpinned",),
        "function public.all_ships",
        "warning",
    ),
    Sabotage(
        "definer function whose path begins with temporary objects",
        f"CREATE FUNCTION all_ships() RETURNS integer {DEFINER} SET search_path = pg_temp, public AS 'SELECT 1'",
        ("definer_unpinned",),
        "function public.all_ships",
        "error",
    ),
    Sabotage(
        "definer function that finds temporary objects first",
        f"CREATE FUNCTION all_ships() RETURNS integer {DEFINER} SET search_path = pg_catalog AS 'SELECT 1'",
        ("definer_unpinned",),
        "function public.all_ships",
        "error",
    ),
    Sabotage(
        "undeclared function",
        "CREATE FUNCTION two() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
        ("function_undeclared",),
        "function public.two",
        "info",
    ),
    Sabotage(
        "undeclared procedure",
        "CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 2'",
        ("function_undeclared",),
        "procedure public.nothing",
        "info",
    ),
    Sabotage(
        "leakproof function",
        "CREATE FUNCTION leaky(text) RETURNS boolean LANGUAGE plpgsql LEAKPROOF AS 'BEGIN RAISE NOTICE ''%'', $1; "
        "RETURN true; END'",
        ("leakproof_marked",),
        "function public.leaky",
    ),
    Sabotage(
        "leakproof operator",
        "CREATE FUNCTION leaky(text, text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT $1 ~ $2';;"
        "CREATE OPERATOR ~~~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = leaky)",
        ("leakproof_marked",),
        "function public.leaky",
    ),
    Sabotage(
        "LIKE marked leakproof",
        "ALTER FUNCTION pg_catalog.textlike(text, text) LEAKPROOF",
        ("leakproof_marked",),
        "function pg_catalog.textlike",
    ),
    Sabotage(
        "division marked leakproof",
        "ALTER FUNCTION pg_catalog.int4div(integer, integer) LEAKPROOF",
        ("leakproof_marked",),
        "function pg_catalog.int4div",
    ),
    Sabotage(
        "function of the server's own code",
        "CREATE FUNCTION peek(text) RETURNS integer LANGUAGE internal AS 'textlen'",
        ("untrusted_function",),
        "function public.peek",
    ),
    Sabotage(
        "untrusted language",
        "CREATE LANGUAGE evil HANDLER plpgsql_call_handler",
        ("language_untrusted",),
        "language evil",
    ),
    Sabotage("trigger dropped", "DROP TRIGGER trigger_ships_updated_at ON ships", ("trigger_missing",), FIRED),
    Sabotage(
        "trigger disabled", "ALTER TABLE ships DISABLE TRIGGER trigger_ships_updated_at", ("trigger_disabled",), FIRED
    ),
    Sabotage("all triggers disabled", "ALTER TABLE ships DISABLE TRIGGER USER", ("trigger_disabled",), FIRED),
    Sabotage(
        "trigger for one column",
        "CREATE OR REPLACE TRIGGER trigger_ships_updated_at BEFORE UPDATE OF name ON ships FOR EACH ROW EXECUTE "
        "FUNCTION update_updated_at_column()",
        ("trigger_altered",),
        FIRED,
    ),
    Sabotage(
        "undeclared trigger",
        "CREATE TRIGGER spy BEFORE INSERT ON cargo FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
        ("trigger_undeclared",),
        "trigger public.cargo.spy",
    ),
    Sabotage(
        "trigger that writes across tenants",
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS "
        "'BEGIN INSERT INTO public.cargo SELECT (NEW).*; RETURN NEW; END';;"
        "CREATE TRIGGER spy AFTER INSERT ON cargo FOR EACH ROW EXECUTE FUNCTION spy()",
        ("trigger_privileged",),
        "trigger public.cargo.spy",
        "error",
    ),
    Sabotage(
        "rewrite rule",
        "CREATE RULE spy AS ON INSERT TO cargo DO ALSO NOTHING",
        ("rule_undeclared",),
        "rule public.cargo.spy",
    ),
    Sabotage(
        "event trigger",
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';;"
        "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch()",
        ("event_trigger",),
        "event trigger watch",
        "warning",
    ),
    Sabotage(
        "event trigger at login",
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';;"
        "CREATE EVENT TRIGGER watch ON login EXECUTE FUNCTION watch()",
        ("event_trigger",),
        "event trigger watch",
        "error",
        since=170000,
    ),
    Sabotage(
        "operator for varchar",
        "CREATE FUNCTION always(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true';;"
        "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = always)",
        ("operator_undeclared",),
        "operator public.=",
    ),
    Sabotage(
        "cast",
        "CREATE FUNCTION as_ship(integer) RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';;"
        "CREATE CAST (integer AS uuid) WITH FUNCTION as_ship(integer)",
        ("operator_undeclared",),
        "cast integer AS pg_catalog.uuid",
    ),
)
