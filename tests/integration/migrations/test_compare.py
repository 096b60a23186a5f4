"""`alembic check` sees every difference between what is declared and what is there, and nothing else."""

from __future__ import annotations

import pytest
from shop_project import Project

from tenantry import errors
from tenantry.migrations import head_revision, migrate, rollback

PREDICATE = "((tenant_id)::text = current_setting('app.current_tenant_id'::text))"

# What somebody did by hand, and the operations that put it right. {p} is the prefix of the project's roles.
MUTANTS = {
    "policy dropped": ("DROP POLICY tenant_isolation_policy ON books", ["create_policy"]),
    "policy's USING altered": (
        f"ALTER POLICY tenant_isolation_policy ON books USING ({PREDICATE})",
        ["drop_policy", "create_policy"],
    ),
    "policy's WITH CHECK altered": (
        "ALTER POLICY tenant_isolation_policy ON books WITH CHECK (true)",
        ["drop_policy", "create_policy"],
    ),
    "policy for everybody": (
        "ALTER POLICY tenant_isolation_policy ON books TO PUBLIC",
        ["drop_policy", "create_policy"],
    ),
    "row security off": ("ALTER TABLE books DISABLE ROW LEVEL SECURITY", ["enable_row_security"]),
    "row security not forced": ("ALTER TABLE books NO FORCE ROW LEVEL SECURITY", ["enable_row_security"]),
    "row security off and not forced": (
        "ALTER TABLE books DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
        ["enable_row_security"],
    ),
    "row security of a former declaration": (
        """ALTER TABLE currencies ENABLE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation_policy ON currencies TO {p}_app USING (true)""",
        ["disable_row_security", "drop_policy"],
    ),
    "row security off on a partition": (
        "ALTER TABLE shelves_p1 DISABLE ROW LEVEL SECURITY",
        ["enable_row_security"],
    ),
    "policy dropped from a partition": ("DROP POLICY owner_maintenance_policy ON shelves_p2", ["create_policy"]),
    "privilege on a partition": ("GRANT SELECT ON shelves_p0 TO {p}_app", ["revoke"]),
    "extra privilege": ("GRANT TRUNCATE ON books TO {p}_app", ["revoke"]),
    "missing privilege": ("REVOKE INSERT ON books FROM {p}_app", ["grant"]),
    "privilege of PUBLIC": ("GRANT SELECT ON books TO PUBLIC", ["revoke"]),
    "privilege with the right to grant it on": (
        "GRANT SELECT ON books TO {p}_app WITH GRANT OPTION",
        ["revoke", "grant"],
    ),
    "privilege on a column": ("GRANT UPDATE (title) ON books TO {p}_reporter", ["revoke"]),
    "missing privilege on a column": ("REVOKE SELECT (title) ON books FROM {p}_reporter", ["grant"]),
    "privilege on a sequence": ("GRANT UPDATE ON SEQUENCE currencies_number_seq TO {p}_app", ["revoke"]),
    "privilege on the schema": ("GRANT CREATE ON SCHEMA public TO {p}_app", ["revoke"]),
    "function's body altered": (
        "CREATE OR REPLACE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        ["create_function"],
    ),
    "function for PUBLIC": ("GRANT EXECUTE ON FUNCTION announce() TO PUBLIC", ["revoke"]),
    "function for another role": ("GRANT EXECUTE ON FUNCTION announce() TO {p}_reporter", ["revoke"]),
    "function for one role less": ("REVOKE EXECUTE ON FUNCTION tenant_of FROM {p}_reporter", ["grant"]),
    "function's search path gone": ("ALTER FUNCTION tenant_of RESET search_path", ["create_function"]),
    "function leakproof": ("ALTER FUNCTION tenant_of LEAKPROOF", ["create_function"]),
    "function as its caller": ("ALTER FUNCTION tenant_of SECURITY INVOKER", ["create_function"]),
    "function dropped": ("DROP FUNCTION tenant_of", ["create_function"]),
    "lookup of a former declaration": (
        """CREATE FUNCTION tenant_of_books_by_title(t text) RETURNS TABLE(tenant varchar, key uuid) SECURITY DEFINER
        LANGUAGE sql AS 'SELECT tenant_id, id FROM books WHERE title = t';
        REVOKE ALL ON FUNCTION tenant_of_books_by_title FROM PUBLIC""",
        ["drop_function"],
    ),
    "trigger disabled": ("ALTER TABLE books DISABLE TRIGGER announce_books", ["drop_trigger", "create_trigger"]),
    "trigger dropped": ("DROP TRIGGER trigger_books_updated_at ON books", ["create_trigger"]),
    "trigger of a former declaration": (
        "CREATE TRIGGER touched BEFORE UPDATE ON currencies FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
        ["drop_trigger"],
    ),
    "extension missing": ("DROP EXTENSION IF EXISTS vector, citext", ["create_extension"]),
    "role missing": ("DROP OWNED BY {p}_reporter; DROP ROLE {p}_reporter", ["create_role", "grant"]),
    "check constraint missing": ("ALTER TABLE books DROP CONSTRAINT ck_books_pages", ["add_constraint"]),
}


async def test_a_migrated_database_has_no_differences(migrated_shop: Project) -> None:
    assert await migrated_shop.differences() == []


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_what_was_done_by_hand_is_found_and_undone(migrated_shop: Project, mutant: str) -> None:
    """Each mutant is reported; the revision that autogenerate writes for it heals it, and its downgrade restores it."""
    shop = migrated_shop
    prefix = shop.service.roles.owner.removesuffix("_owner")
    healthy = await shop.objects()
    statement, expected = MUTANTS[mutant]
    await shop.sql(statement.format(p=prefix), "SELECT 1")
    broken = await shop.objects()
    found = [verb for verb, _ in await shop.differences()]
    assert set(found) == set(expected)
    await shop.autogenerate(mutant)
    await migrate(shop.deployment)
    assert await shop.differences() == []
    if mutant not in {"extension missing", "role missing", "check constraint missing"}:
        assert await shop.objects() == healthy
    if mutant not in {"function leakproof", "role missing"}:
        await rollback(shop.deployment)
        assert await shop.objects() == broken


async def test_what_is_on_a_table_that_goes_is_dropped_before_it(migrated_shop: Project) -> None:
    """A table that no model has any more goes with all that is on it, and comes back with all of it."""
    shop = migrated_shop
    role, admin = shop.service.roles.application, shop.service.roles.admin
    follows = head_revision(shop.service)
    await shop.revision("old", "op.create_table('old', sa.Column('id', sa.Integer))", follows=follows)
    await migrate(shop.deployment)
    await shop.sql(
        f"SET ROLE {shop.service.roles.owner}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON old TO {admin}",
        "ALTER TABLE old ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY old ON old USING (id = 1)",
        f"GRANT SELECT ON old TO {role}",
        "CREATE TRIGGER old BEFORE UPDATE ON old FOR EACH ROW EXECUTE FUNCTION announce()",
        "SELECT 1",
    )
    before = await shop.objects()
    assert [verb for verb, _ in await shop.differences()] == [
        *("revoke", "revoke", "drop_policy", "disable_row_security", "drop_trigger", "remove_table")
    ]
    await shop.autogenerate("the old table goes")
    await migrate(shop.deployment)
    assert await shop.sql("SELECT to_regclass('old')::text") is None
    await rollback(shop.deployment)
    assert await shop.objects() == before


async def test_the_version_table_and_other_peoples_roles_are_no_difference(migrated_shop: Project) -> None:
    """The grants that the environment makes on alembic_version, and the default one on schema public, stay."""
    shop = migrated_shop
    objects = {str(item) for item in await shop.objects()}
    assert f"grant public.TABLE.alembic_version.{shop.service.roles.application}" in objects
    assert "grant public.SCHEMA.public.public" in objects
    assert await shop.differences() == []


async def test_looking_leaves_nothing_behind(shop: Project) -> None:
    """`check` and `revision --autogenerate` on an empty database make no version table, and no role."""
    assert await shop.differences() != []
    await shop.autogenerate()
    assert await shop.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0
    owner = shop.service.roles.owner
    assert await shop.sql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{owner}'") == 0


async def test_a_partition_that_is_gone_is_told_and_nothing_is_dropped_for_it(migrated_shop: Project) -> None:
    """What could make it right would have to move rows, so the server refuses, and the others keep theirs."""
    shop = migrated_shop
    await shop.sql("DROP TABLE shelves_p1", "SELECT 1")
    assert "create_hash_partitions" in {verb for verb, _ in await shop.differences()}
    await shop.autogenerate("heal")
    with pytest.raises(errors.RevisionFailed, match="already exists"):
        await migrate(shop.deployment)
    assert await shop.sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'shelves'::regclass") == 2


async def test_a_partition_that_nobody_declares_is_left_alone(migrated_shop: Project) -> None:
    shop = migrated_shop
    await shop.sql(
        f"SET ROLE {shop.service.roles.owner}",
        "CREATE TABLE shelves_old (id integer) PARTITION BY HASH (id)",
        "CREATE TABLE shelves_old_p0 PARTITION OF shelves_old FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "SELECT 1",
    )
    assert await shop.differences() == []
