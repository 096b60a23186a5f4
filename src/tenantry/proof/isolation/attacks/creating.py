"""Attacks that create objects: other roles may run an object that they find in their search_path.

The application must not create objects in any schema. What reaches beyond the database needs a superuser.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from tenantry import sql
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.session import BROKEN, open_session
from tenantry.proof.isolation.verdict import AttackResult, Outcome, breach, record, skipped

SCHEMAS = "SELECT nspname::text AS name FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY nspname"

# Like 42501, 3F000 means that the attacker may not use the schema.
CLOSED = frozenset({"3F000"})


@service_attack("create", "create tables, functions and types in a schema")
async def create_in_schema(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Every schema, also pg_catalog and information_schema."""
    async with open_session(attacked) as session:
        for row in await session.fetch(SCHEMAS):
            schema = sql.identifier(row["name"])
            for statement in (
                f"CREATE TABLE {schema}.tenantry_table (id integer)",
                f"CREATE FUNCTION {schema}.tenantry_function() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
                f"CREATE DOMAIN {schema}.tenantry_domain AS text",
            ):
                session.begin(attacked.bind_sql(attacked.attacker))
                verdict = await session.refused(statement, f"create objects in schema {row['name']}", also=CLOSED)
                if verdict.outcome is not Outcome.BLOCKED:
                    break
            yield record("create_in_schema", f"schema {row['name']}", verdict)


# Attacks beyond one schema: the object, the sentence and the statement.
STATEMENTS = {
    "create_schema": ("database", "create a schema", "CREATE SCHEMA tenantry_schema"),
    "create_extension": ("database", "install an extension", "CREATE EXTENSION {extension}"),
    "create_publication": ("database", "publish every table", "CREATE PUBLICATION tenantry_publication FOR ALL TABLES"),
    "create_subscription": (
        "database",
        "subscribe to another server",
        (
            "CREATE SUBSCRIPTION tenantry_subscription CONNECTION 'dbname=postgres' PUBLICATION p "
            "WITH (connect = false, slot_name = 'none', create_slot = false, enabled = false)"
        ),
    ),
    "create_event_trigger": (
        "database",
        "run a trigger on others' DDL",
        (
            "CREATE FUNCTION pg_temp.tenantry_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
            "CREATE EVENT TRIGGER tenantry_trigger ON ddl_command_end EXECUTE FUNCTION pg_temp.tenantry_event()"
        ),
    ),
    "create_wrapper": ("database", "create a foreign-data wrapper", "CREATE FOREIGN DATA WRAPPER tenantry_wrapper"),
    "create_language": (
        "database",
        "run native code",
        "CREATE FUNCTION pg_temp.tenantry_native(integer, integer) RETURNS integer LANGUAGE internal AS 'int4pl'",
    ),
    "create_cast": (
        "database",
        "change what a cast means",
        "CREATE CAST (text AS json) WITHOUT FUNCTION AS IMPLICIT",
    ),
    "alter_database": (
        "database",
        "change the settings of every session",
        "ALTER DATABASE {database} SET row_security = off",
    ),
    "own_database": ("database", "become the owner of the database", "ALTER DATABASE {database} OWNER TO CURRENT_USER"),
    "comment_database": ("database", "write a comment on the database", "COMMENT ON DATABASE {database} IS 'tenantry'"),
    "alter_schema": ("schema public", "become the owner of the schema", "ALTER SCHEMA public OWNER TO CURRENT_USER"),
    "replication_role": (
        "setting session_replication_role",
        "switch triggers off",
        "SET session_replication_role = replica",
    ),
    "security_label": ("schema public", "label an object", "SECURITY LABEL ON SCHEMA public IS 'tenantry'"),
}

# Errors that come before the check of privileges: no provider of labels is loaded.
ELSEWHERE = {"security_label": frozenset({"22023"})}


def _register(name: str, thing: str, sentence: str, template: str) -> None:
    async def run(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
        async with open_session(attacked) as session:
            (row,) = await session.fetch(
                "SELECT current_database()::text AS database, (SELECT name::text FROM pg_available_extensions "
                "WHERE installed_version IS NULL ORDER BY name LIMIT 1) AS extension"
            )
            if row["extension"] is None and "{extension}" in template:
                yield record(name, thing, skipped("all extensions of the server are installed"))
                return
            names = {key: sql.identifier(value) for key, value in row.items() if value}
            session.begin()
            verdict = await session.refused(template.format_map(names), sentence, also=ELSEWHERE.get(name, ()))
            yield record(name, thing, verdict)

    run.__name__ = name
    service_attack("create", sentence)(run)


for _name, (_thing, _sentence, _template) in STATEMENTS.items():
    _register(_name, _thing, _sentence, _template)


PARAMETERS = (
    "SELECT s.name::text AS name FROM pg_settings AS s WHERE has_parameter_privilege(s.name, 'ALTER SYSTEM') "
    "OR s.context = 'superuser' AND has_parameter_privilege(s.name, 'SET') ORDER BY s.name LIMIT 5"
)


@service_attack("create", "change the server's configuration")
async def alter_system(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """ALTER SYSTEM cannot be rolled back, so the privilege for it is checked instead."""
    async with open_session(attacked) as session:
        if session.connection.get_server_version() < (15,):
            yield record("alter_system", "server", skipped("PostgreSQL has privileges on settings since version 15"))
            return
        session.begin()
        found = [row["name"] for row in await session.fetch(PARAMETERS)]
        if found:
            verdict = breach(f"The role may change settings of the server: {', '.join(found)}.")
        else:
            # Inside a transaction the first error would be 25001, whatever the privileges.
            await session.leave()
            verdict = await session.refused("ALTER SYSTEM SET tenantry.intruder = '1'")
        yield record("alter_system", "server", verdict)


COPY_INTO_OWN = "CREATE TEMPORARY TABLE f (t text) ON COMMIT DROP; COPY f"


@service_attack("create", "read and write the server's files, and run its programs")
async def server_files(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Functions and COPY that read or write the server's files."""
    statements = {
        "function pg_read_file": "SELECT pg_read_file('postgresql.conf')",
        "function pg_read_binary_file": "SELECT pg_read_binary_file('PG_VERSION')",
        "function pg_ls_dir": "SELECT pg_ls_dir('.')",
        "function pg_stat_file": "SELECT pg_stat_file('PG_VERSION')",
        "function pg_ls_logdir": "SELECT pg_ls_logdir()",
        "function lo_import": "SELECT lo_import('PG_VERSION')",
        "function lo_export": "SELECT lo_export(0, '/dev/null')",
        "COPY FROM file": "{into} FROM 'PG_VERSION'",
        "COPY TO file": "COPY (SELECT 1) TO '/dev/null'",
        "COPY FROM PROGRAM": "{into} FROM PROGRAM 'true'",
        "COPY TO PROGRAM": "COPY (SELECT 1) TO PROGRAM 'true'",
    }
    async with open_session(attacked) as session:
        # COPY into a table that the application may write, so that only the file can be refused.
        writable = (one for one in attacked.tables if "INSERT" in session.known.table(one).privileges)
        into = next((f"COPY {sql.qualified(one.schema, one.name)}" for one in writable), COPY_INTO_OWN)
        for thing, statement in statements.items():
            session.begin()
            verdict = await session.refused(statement.replace("{into}", into), f"use {thing}")
            if verdict.outcome is Outcome.SKIPPED and not verdict.detail.startswith(f"{BROKEN}42"):
                # The role has the privilege, and only the file is missing.
                verdict = breach(f"The role may use {thing}: {verdict.detail}")
            yield record("server_files", thing, verdict)


@service_attack("create", "connect to another server or database from inside")
async def reach_out(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Dblink and postgres_fdw, where they are installed."""
    async with open_session(attacked) as session:
        installed = {row["name"] for row in await session.fetch("SELECT extname::text AS name FROM pg_extension")}
        for name in ("dblink", "postgres_fdw", "file_fdw"):
            thing = f"extension {name}"
            if name not in installed:
                yield record("reach_out", thing, skipped(f"{name} is not installed"))
                continue
            session.begin()
            statement = (
                "SELECT dblink_connect('tenantry', 'dbname=' || current_database())"
                if name == "dblink"
                else f"CREATE SERVER tenantry_server FOREIGN DATA WRAPPER {name}"
            )
            # dblink refuses a connection without a password to roles that are not superusers (2F003).
            yield record("reach_out", thing, await session.refused(statement, f"use {name}", also={"2F003", "08001"}))
