"""The vocabulary: what each object is called, what it sends, and in which order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tenantry import errors
from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
    Extension,
    Function,
    Grant,
    HashPartitions,
    Policy,
    Role,
    RowSecurity,
    Schema,
    Sequence,
    Serial,
    Trigger,
)
from tenantry.postgres.sequences import serial_name

# Two bytes.
UMLAUT = "\u00e4"

STATEMENTS: dict[DatabaseObject, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Role("app"): (('CREATE ROLE "app" NOLOGIN NOCREATEDB NOCREATEROLE',), ('DROP ROLE "app"',)),
    Role("admin", login=True, bypass_rls=True): (
        ('CREATE ROLE "admin" LOGIN NOCREATEDB NOCREATEROLE BYPASSRLS',),
        ('DROP ROLE "admin"',),
    ),
    Schema("Crm's"): (
        ('CREATE SCHEMA "Crm\'s"', "COMMENT ON SCHEMA \"Crm's\" IS 'Created by a migration.'"),
        ('DROP SCHEMA "Crm\'s"',),
    ),
    Extension("vector"): (('CREATE EXTENSION IF NOT EXISTS "vector"',), ('DROP EXTENSION IF EXISTS "vector"',)),
    Sequence("numbers"): (
        (
            (
                'CREATE SEQUENCE "public"."numbers" AS bigint INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807'
                " START WITH 1 CACHE 1 NO CYCLE"
            ),
        ),
        ('DROP SEQUENCE "public"."numbers"',),
    ),
    Sequence("down", "other", "smallint", increment=-2, maximum=50, cycle=True): (
        (
            (
                'CREATE SEQUENCE "other"."down" AS smallint INCREMENT BY -2 MINVALUE -32768 MAXVALUE 50'
                " START WITH 50 CACHE 1 CYCLE"
            ),
        ),
        ('DROP SEQUENCE "other"."down"',),
    ),
    Serial("items", "it's", "items_it's_seq"): (
        (
            'CREATE SEQUENCE "public"."items_it\'s_seq" AS integer',
            'ALTER SEQUENCE "public"."items_it\'s_seq" OWNED BY "public"."items"."it\'s"',
            (
                'ALTER TABLE "public"."items" ALTER COLUMN "it\'s"'
                " SET DEFAULT nextval('\"public\".\"items_it''s_seq\"'::regclass)"
            ),
            (
                'SELECT setval(\'"public"."items_it\'\'s_seq"\', greatest(max("it\'s"), 0) + 1, false)'
                ' FROM "public"."items"'
            ),
        ),
        (
            'ALTER TABLE "public"."items" ALTER COLUMN "it\'s" DROP DEFAULT',
            'DROP SEQUENCE "public"."items_it\'s_seq"',
        ),
    ),
    HashPartitions("notes", 2): (
        (
            ('CREATE TABLE "public"."notes_p0" PARTITION OF "public"."notes" FOR VALUES WITH (modulus 2, remainder 0)'),
            ('CREATE TABLE "public"."notes_p1" PARTITION OF "public"."notes" FOR VALUES WITH (modulus 2, remainder 1)'),
        ),
        ('DROP TABLE "public"."notes_p0"', 'DROP TABLE "public"."notes_p1"'),
    ),
    Function("touch", "BEGIN END"): (
        (
            (
                'CREATE OR REPLACE FUNCTION "public"."touch"() RETURNS trigger LANGUAGE "plpgsql" VOLATILE'
                " AS $function$BEGIN END$function$"
            ),
            'REVOKE ALL ON FUNCTION "public"."touch"() FROM PUBLIC',
        ),
        ('DROP FUNCTION "public"."touch"()',),
    ),
    Function("f", "SELECT 1", "integer", "a text, b text DEFAULT 'x, y'::text", "sql", execute=("b", "a")): (
        (
            (
                'CREATE OR REPLACE FUNCTION "public"."f"(a text, b text DEFAULT \'x, y\'::text) RETURNS integer'
                ' LANGUAGE "sql" VOLATILE AS $function$SELECT 1$function$'
            ),
            'REVOKE ALL ON FUNCTION "public"."f"(a text, b text) FROM PUBLIC',
            'GRANT EXECUTE ON FUNCTION "public"."f"(a text, b text) TO "a", "b"',
        ),
        ('DROP FUNCTION "public"."f"(a text, b text)',),
    ),
    Trigger("t", "items", "touch"): (
        ('CREATE TRIGGER "t" BEFORE UPDATE ON "public"."items" FOR EACH ROW EXECUTE FUNCTION "public"."touch"()',),
        ('DROP TRIGGER "t" ON "public"."items"',),
    ),
    Trigger("t", "items", "other.f", events=("UPDATE OF a, b", "INSERT"), arguments=("it's",), state="DISABLE"): (
        (
            (
                'CREATE TRIGGER "t" BEFORE INSERT OR UPDATE OF "a", "b" ON "public"."items" FOR EACH ROW'
                " EXECUTE FUNCTION \"other\".\"f\"('it''s')"
            ),
            'ALTER TABLE "public"."items" DISABLE TRIGGER "t"',
        ),
        ('DROP TRIGGER "t" ON "public"."items"',),
    ),
    RowSecurity("items"): (
        ('ALTER TABLE "public"."items" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',),
        ('ALTER TABLE "public"."items" DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY',),
    ),
    Policy("p", "items", ("app",), "a = 1", "a = 2"): (
        ('CREATE POLICY "p" ON "public"."items" FOR ALL TO "app" USING (a = 1) WITH CHECK (a = 2)',),
        ('DROP POLICY "p" ON "public"."items"',),
    ),
    Policy("p", "items", (), "false", None, "DELETE", permissive=False, schema="other"): (
        ('CREATE POLICY "p" ON "other"."items" AS RESTRICTIVE FOR DELETE TO PUBLIC USING (false)',),
        ('DROP POLICY "p" ON "other"."items"',),
    ),
    Grant("app", ("SELECT", "INSERT"), "items"): (
        ('GRANT INSERT, SELECT ON TABLE "public"."items" TO "app"',),
        ('REVOKE INSERT, SELECT ON TABLE "public"."items" FROM "app"',),
    ),
    Grant("app", ("SELECT", "UPDATE"), "items", column="name", grantable=True): (
        ('GRANT SELECT ("name"), UPDATE ("name") ON TABLE "public"."items" TO "app" WITH GRANT OPTION',),
        ('REVOKE SELECT ("name"), UPDATE ("name") ON TABLE "public"."items" FROM "app"',),
    ),
    Grant(PUBLIC, ("USAGE",), "other", kind="SCHEMA"): (
        ('GRANT USAGE ON SCHEMA "other" TO PUBLIC',),
        ('REVOKE USAGE ON SCHEMA "other" FROM PUBLIC',),
    ),
    Grant("app", ("EXECUTE",), "f(a text)", kind="FUNCTION"): (
        ('GRANT EXECUTE ON FUNCTION "public"."f"(a text) TO "app"',),
        ('REVOKE EXECUTE ON FUNCTION "public"."f"(a text) FROM "app"',),
    ),
}


@pytest.mark.parametrize("item", STATEMENTS, ids=str)
def test_an_object_says_what_makes_and_removes_it(item: DatabaseObject) -> None:
    assert (item.create(), item.drop()) == STATEMENTS[item]


def test_objects_sort_in_the_order_in_which_they_can_be_created() -> None:
    """Whatever order they come in; roles and extensions before tables, all else after."""
    items = list(STATEMENTS)
    random.shuffle(items)
    nouns = [item.noun for item in sorted(items)]
    order = ["role", "schema", "extension", "sequence", "function", "hash_partitions", "trigger"]
    order += ["row_security", "serial", "policy", "grant"]
    assert nouns == sorted(nouns, key=order.index)
    assert {item.noun for item in items if item.is_before_tables} == {"role", "schema", "extension", "sequence"}


def test_two_states_of_one_object_have_one_identity() -> None:
    """What differs is an alteration, not another object."""
    assert Policy("p", "t", ("a",), "true", None).identity == Policy("p", "t", ("b",), "false", "true").identity
    assert Function("f", "1", arguments="a text").identity == Function("f", "2", arguments="a text DEFAULT ''").identity
    assert Function("f", "1", arguments="a text").identity != Function("f", "1", arguments="a integer").identity
    assert Grant("a", ("SELECT",), "t").identity != Grant("a", ("SELECT",), "t", column="c").identity
    assert Grant("a", ("SELECT",), "t").identity != Grant("a", ("SELECT",), "t", grantable=True).identity


def test_the_order_of_writing_makes_no_difference() -> None:
    """Privileges, roles, events and options are sets."""
    assert Grant("a", ("SELECT", "INSERT", "SELECT"), "t") == Grant("a", ("INSERT", "SELECT"), "t")
    assert Policy("p", "t", ("b", "a"), None, None) == Policy("p", "t", ("a", "b"), None, None)
    assert Trigger("t", "t", "f", events=("UPDATE", "INSERT")) == Trigger("t", "t", "f", events=("INSERT", "UPDATE"))
    assert Function("f", "", options=("STRICT", "COST 1")) == Function("f", "", options=("COST 1", "STRICT"))


def test_a_name_cannot_leave_its_quotes() -> None:
    (statement,) = Policy('p" TO PUBLIC; --', "t", ("a",), None, None).create()
    assert statement.startswith('CREATE POLICY "p"" TO PUBLIC; --" ON')


def test_a_body_cannot_leave_its_quotes() -> None:
    """The tag of the dollar quote is one that the body does not have."""
    body = "$function$ $function_$"
    statement = Function("f", body).create()[0]
    assert statement.endswith(f"AS $function__${body}$function__$")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Grant, {"role": "a", "privileges": ("SELECT; DROP TABLE t",), "name": "t"}),
        (Grant, {"role": "a", "privileges": ("ALL",), "name": "t"}),
        (Grant, {"role": "a", "privileges": ("SELECT",), "name": "t", "kind": "DATABASE"}),
        (Policy, {"name": "p", "table": "t", "roles": (), "using": None, "check": None, "command": "MERGE"}),
        (Trigger, {"name": "t", "table": "t", "function": "f", "timing": "DURING"}),
        (Trigger, {"name": "t", "table": "t", "function": "f", "level": "TABLE"}),
        (Trigger, {"name": "t", "table": "t", "function": "f", "state": "OFF"}),
        (Function, {"name": "f", "body": "", "volatility": "SOMETIMES"}),
    ],
)
def test_what_is_no_keyword_is_refused(kind: type[DatabaseObject], fields: dict[str, Any]) -> None:
    """GRANT ALL too: it would include TRUNCATE, which ignores row security."""
    with pytest.raises(errors.DeclarationError, match="is no"):
        kind(**fields)


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(errors.DeclarationError, match="SELECT"):
        Trigger("t", "t", "f", events=("SELECT",))


def test_an_object_names_itself_for_people() -> None:
    assert str(Policy("p", "items", ("a",), None, None)) == "policy public.items.p"
    assert str(RowSecurity("items")) == "row security public.items"


@pytest.mark.parametrize(
    ("table", "column", "taken", "name"),
    [
        ("items", "id", (), "items_id_seq"),
        ("Items", "the id", (), "Items_the id_seq"),
        ("items", "id", ("items_id_seq", "items_id_seq1"), "items_id_seq2"),
        ("t" * 60, "id", (), f"{'t' * 56}_id_seq"),
        ("t" * 60, "c" * 60, (), f"{'t' * 29}_{'c' * 29}_seq"),
        ("t" * 60, "c" * 60, (f"{'t' * 29}_{'c' * 29}_seq",), f"{'t' * 29}_{'c' * 28}_seq1"),
        (UMLAUT * 30, "id", (), UMLAUT * 28 + "_id_seq"),
        ("a" + UMLAUT * 30, "id", (), "a" + UMLAUT * 27 + "_id_seq"),
    ],
)
def test_a_serial_columns_sequence_has_the_name_that_the_server_gives(
    table: str, column: str, taken: tuple[str, ...], name: str
) -> None:
    """The same as PostgreSQL's: tests/integration/postgres/test_catalog.py asks it."""
    assert serial_name(table, column, taken) == name
    assert len(name.encode()) <= 63


def test_a_sequence_of_no_type_is_refused() -> None:
    with pytest.raises(errors.DeclarationError, match="text"):
        Sequence("n", data_type="text")
    with pytest.raises(errors.DeclarationError, match="uuid"):
        Serial("t", "c", "n", "uuid")
