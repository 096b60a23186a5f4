"""The objects that a team declares besides its models are written, compared, audited and reversed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from alembic.util import CommandError
from own_objects import CHANGES, MODULE
from shop_project import Project

from tenantry.migrations import migrate, rollback
from tenantry.migrations.writing import make_revision
from tenantry.proof.audit.inspection import audit_database


def edit(shop: Project, old: str, new: str) -> None:
    """Change the project's module, as an editor and a new process do."""
    path = Path(str(shop.module.__file__))
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    module = ModuleType(shop.module.__name__)
    module.__file__ = str(path)
    sys.modules[module.__name__] = shop.module = module
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)  # noqa: S102  # the project's own module


async def codes(shop: Project) -> list[str]:
    """Return the codes of the audit's findings, without that on the login of these tests, a superuser."""
    return [finding.code for finding in await audit_database(shop.deployment) if finding.code != "TN324"]


@pytest.fixture
def module_text() -> str:
    return MODULE


# What autogenerate wrote for the first project of this run; the others differ in their roles' names only.
_first_revision: list[str] = []


@pytest.fixture
async def own(shop: Project) -> Project:
    """The project at its first revision, which autogenerate wrote."""
    name = shop.module.__name__
    if not _first_revision:
        _first_revision.append((await shop.autogenerate("first")).read_text().replace(name, "{name}"))
    else:
        path = shop.folder / "migrations" / "versions" / "first.py"
        path.write_text(_first_revision[0].replace("{name}", name))
    await migrate(shop.deployment)
    return shop


async def test_check_and_audit_are_content_after_the_first_revision(own: Project) -> None:
    """Every object was written in an order that PostgreSQL accepts, and none of them differs in its spelling."""
    assert await own.differences() == []
    assert await codes(own) == []


async def test_the_objects_do_what_they_are_for(own: Project) -> None:
    app = own.service.roles.application
    written = await own.sql(
        f"SET ROLE {app}",
        "BEGIN",
        "SET LOCAL app.current_tenant_id = 'acme'",
        "INSERT INTO articles (title) VALUES ('A LONGER TITLE'), ('draft')",
        "SELECT string_agg(slug, ',') FROM articles",
    )
    assert written == "a longer title"


async def test_the_way_back_leaves_the_catalog_as_it_was(shop: Project) -> None:
    before = await shop.objects()
    await shop.autogenerate("first")
    await migrate(shop.deployment)
    made = await shop.objects()
    await rollback(shop.deployment)
    assert {item for item in await shop.objects() if item.noun != "role"} == {
        item for item in before if item.noun != "role"
    }
    await migrate(shop.deployment)
    assert await shop.objects() == made


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_is_written_and_reversed_exactly(own: Project, change: str) -> None:
    """With privileges, triggers and comments of what has to be dropped for it."""
    old, new, expected = CHANGES[change]
    before = await own.objects()
    edit(own, old, new)
    verbs = {verb for verb, _ in await own.differences()}
    assert expected <= verbs
    await own.autogenerate("change")
    await migrate(own.deployment)
    assert await own.differences() == []
    assert await codes(own) == []
    assert await own.objects() != before
    await rollback(own.deployment)
    assert await own.objects() == before


async def test_a_column_that_a_view_and_a_policy_use_can_get_another_type(own: Project) -> None:
    """PostgreSQL refuses the change while they exist, so they are created again."""
    edit(own, "title: Mapped[str] = mapped_column(String(50))", "title: Mapped[str] = mapped_column(String(90))")
    before = await own.objects()
    await own.autogenerate("longer")
    await migrate(own.deployment)
    assert await own.differences() == []
    await rollback(own.deployment)
    assert await own.objects() == before


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function public.more"),
        (
            "CREATE TRIGGER more BEFORE INSERT ON articles FOR EACH ROW EXECUTE FUNCTION hide()",
            "trigger public.articles.more",
        ),
        (
            "CREATE POLICY more ON articles AS RESTRICTIVE FOR DELETE TO {p}_app USING (false)",
            "policy public.articles.more",
        ),
        ("CREATE POLICY hole ON articles USING (true)", "policy public.articles.hole"),
        ("ALTER TABLE countries ENABLE ROW LEVEL SECURITY", "row security public.countries"),
        ("GRANT DELETE ON countries TO {p}_reporter", "table public.countries: DELETE to {p}_reporter"),
        ("GRANT UPDATE (code) ON countries TO {p}_reporter", "table public.countries.code: UPDATE to {p}_reporter"),
        ("CREATE VIEW more AS SELECT 1 AS one", "view public.more"),
        ("CREATE SEQUENCE more; GRANT USAGE ON SEQUENCE more TO {p}_app", "sequence public.more"),
        ("CREATE TABLE legacy (id serial PRIMARY KEY); GRANT ALL ON legacy TO {p}_admin", "table public.legacy"),
    ],
)
async def test_what_no_declaration_mentions_is_left_alone_and_named(own: Project, statement: str, name: str) -> None:
    """A check finds no difference; a revision that is written for something else names it, and does not drop it."""
    prefix = own.service.roles.owner.removesuffix("_owner")
    name = name.format(p=prefix)
    await own.sql(f"SET ROLE {own.service.roles.owner}", statement.format(p=prefix), "SELECT 1")
    before = await own.objects()
    assert await own.differences() == []
    edit(own, "Drafts are hidden.", "Drafts are secret.")
    path = await own.autogenerate("other")
    assert f"# - {name}\n" in path.read_text()
    await migrate(own.deployment)
    comments = {"comment"}
    assert {item for item in await own.objects() if item.noun not in comments} == {
        item for item in before if item.noun not in comments
    }


async def test_partitions_of_a_job_are_left_alone(own: Project) -> None:
    edit(
        own,
        "class Country(Shared, Base):",
        """class Event(TenantScoped, Base):
    __tablename__ = "events"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "at"), {"postgresql_partition_by": "RANGE (at)"})
    tenant_id: Mapped[str]
    at: Mapped[int]


class Country(Shared, Base):""",
    )
    await own.autogenerate("events")
    await migrate(own.deployment)
    for year in (2026, 2027):
        partition = f"CREATE TABLE events_{year} PARTITION OF events FOR VALUES FROM ({year}) TO ({year + 1})"
        await own.sql(f"SET ROLE {own.service.roles.owner}", partition, "SELECT 1")
    assert await own.differences() == []
    assert set(await codes(own)) == {"TN007"}
    edit(own, "Drafts are hidden.", "Drafts are secret.")
    path = await own.autogenerate("other")
    assert "# - partitions of table public.events: events_2026 and 1 more\n" in path.read_text()
    assert "drop_table" not in path.read_text()


@pytest.mark.parametrize(
    ("statement", "name", "verb"),
    [
        (
            "CREATE POLICY more ON articles AS RESTRICTIVE TO {p}_app USING (true)",
            "policy public.articles.more",
            "drop_policy",
        ),
        ("CREATE VIEW more AS SELECT 1 AS one; GRANT SELECT ON more TO {p}_app", "view public.more", "drop_view"),
        ("CREATE TABLE legacy (id integer)", "table public.legacy", "remove_table"),
        ("GRANT DELETE ON countries TO {p}_reporter", "table public.countries: DELETE to {p}_reporter", "revoke"),
    ],
)
async def test_what_is_undeclared_can_be_dropped_by_its_name(
    own: Project, statement: str, name: str, verb: str
) -> None:
    """With its exact reverse, also of the privileges on it."""
    prefix = own.service.roles.owner.removesuffix("_owner")
    await own.sql(f"SET ROLE {own.service.roles.owner}", statement.format(p=prefix), "SELECT 1")
    before = await own.objects()
    config = own.config
    config.attributes["tenantry_drop"] = [name.format(p=prefix)]
    assert verb in {found for found, _ in await own.differences(config)}
    await own.autogenerate("drop", config)
    await migrate(own.deployment)
    if verb == "remove_table":
        assert await own.sql("SELECT to_regclass('legacy')::text") is None
    else:
        assert await own.objects() != before
    await rollback(own.deployment)
    assert await own.objects() == before


async def test_a_name_that_is_not_there_cannot_be_dropped(own: Project) -> None:
    config = own.config
    config.attributes["tenantry_drop"] = ["view public.typo"]
    with pytest.raises(CommandError, match=r"view public\.typo"):
        await own.differences(config)


@pytest.mark.parametrize(
    ("statement", "waiver"),
    [
        ("DROP POLICY tenant_isolation_policy ON articles", "TN004 policy public.articles.tenant_isolation_policy"),
        ("ALTER POLICY no_drafts ON articles USING (true)", "TN009 policy public.articles.no_drafts"),
        ("ALTER TABLE articles NO FORCE ROW LEVEL SECURITY", "TN002 table public.articles"),
        ("GRANT TRUNCATE ON articles TO {p}_app", "TN104 table public.articles: TRUNCATE to {p}_app"),
        ("DROP TRIGGER articles_slug ON articles", "TN204 trigger public.articles.articles_slug"),
        ("DROP VIEW a_long_titles", "TN610 view public.a_long_titles"),
        ("ALTER TABLE articles ADD extra integer", "TN407 column public.articles.extra"),
        ("CREATE INDEX extra ON articles (slug)", "TN411 index public.extra"),
        ("ALTER TABLE articles DROP CONSTRAINT ck_articles_slug", "TN413 constraint public.articles.ck_articles_slug"),
    ],
)
async def test_an_accepted_finding_is_no_difference(own: Project, statement: str, waiver: str) -> None:
    prefix = own.service.roles.owner.removesuffix("_owner")
    await own.sql(statement.format(p=prefix), "SELECT 1")
    assert await own.differences() != []
    own.service.waivers.write_text(f"{waiver.format(p=prefix)}  # accepted in this test\n")
    assert await own.differences() == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (
            "WHERE title NOT IN ('draft', 'old')\")",
            "WHERE title NOT IN ('draft', 'old')\", security_invoker=False)",
            "TN601",
        ),
        ('Function("hide", "BEGIN', 'Function("hide", security_definer=True, body="BEGIN', "TN209"),
        (
            'Function("hide", "BEGIN',
            'Function("hide", security_definer=True, search_path="public", body="BEGIN',
            "TN209",
        ),
        (
            'Function("hide", "BEGIN',
            'Function("hide", security_definer=True, search_path="pg_temp", execute=("public",), body="BEGIN',
            "TN210",
        ),
    ],
)
async def test_a_declaration_does_not_silence_what_is_dangerous(own: Project, old: str, new: str, code: str) -> None:
    """The check is content with a declared object, and the audit still reports what it opens."""
    edit(own, old, new)
    await own.autogenerate("dangerous")
    await migrate(own.deployment)
    assert await own.differences() == []
    assert code in await codes(own)


async def test_a_text_that_was_restored_from_a_dump_is_no_difference(own: Project) -> None:
    """PostgreSQL prints the text of a view in another way after it has read its own text."""
    owner = own.service.roles.owner
    replaced = (
        "CREATE OR REPLACE VIEW b_titles WITH (security_invoker) AS SELECT title, length(title) size FROM articles"
    )
    await own.sql(f"SET ROLE {owner}", f"{replaced} WHERE title NOT IN ('draft', 'old')", "SELECT 1")
    assert await own.differences() == []
    await own.sql(f"SET ROLE {owner}", f"{replaced} WHERE title NOT IN ('draft', 'new')", "SELECT 1")
    assert {"drop_view", "create_view"} <= {verb for verb, _ in await own.differences()}
    assert await codes(own) == ["TN611"]


async def test_an_audit_that_may_not_create_a_schema_says_what_it_did_not_compare(own: Project) -> None:
    """Another spelling is then no difference; other facts are compared."""
    owner = own.service.roles.owner
    database = own.address.database
    await own.sql(f'REVOKE CREATE ON DATABASE "{database}" FROM {owner}', "SELECT 1")
    found = [one for one in await audit_database(own.deployment) if one.code != "TN324"]
    assert {one.code for one in found} == {"TN503"}
    assert "view public.b_titles" in {one.object for one in found}
    await own.sql("ALTER VIEW b_titles SET (security_invoker = false)", "SELECT 1")
    assert {"TN601", "TN611"} <= set(await codes(own))


async def test_a_revision_of_another_object_names_nothing_if_all_is_declared(own: Project) -> None:
    edit(own, "Drafts are hidden.", "Drafts are secret.")
    assert "Left alone" not in (await own.autogenerate("comment")).read_text()


async def test_a_revision_tells_what_it_leaves_alone_and_drops_what_it_is_told(own: Project) -> None:
    await own.sql(f"SET ROLE {own.service.roles.owner}", "CREATE VIEW more AS SELECT 1 AS one", "SELECT 1")
    made = await make_revision(own.deployment, "nothing")
    assert (made.path, made.left_alone) == (None, ("view public.more",))
    made = await make_revision(own.deployment, "drop", drop=["view public.more"])
    assert made.path is not None
    assert 'op.drop_view("more")' in made.path.read_text()
    assert made.left_alone == ()
