"""Each conformity test catches what it is for, and says where it is."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from plugin_project import write_project

from tenantry import Database, Service, errors
from tenantry.alembic import migrate
from tenantry.testing import Administrator, Cluster, Conformity, ScratchDatabase

OVERRIDES = {"mail_key": "made up"}

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {parent}

def upgrade():
    {up}

def downgrade():
    {down}
"""
AS_LOGIN = "op.execute('SET LOCAL ROLE NONE'); op.execute('{}')"


@dataclass
class Mutant:
    """A service like any other, to which a test adds a revision or a model."""

    folder: Path
    role: str
    cluster: Cluster
    administrator: Administrator

    def add(self, up: str, down: str = "pass", revision: str = "0002", parent: str = '"0001"') -> None:
        """Add a revision."""
        path = self.folder / f"notes/migrations/versions/{revision}_more.py"
        path.write_text(SECOND.format(up=up, down=down, revision=revision, parent=parent))

    def edit(self, path: str, before: str, after: str) -> None:
        """Change a file of the project."""
        text = (self.folder / path).read_text()
        assert before in text
        (self.folder / path).write_text(text.replace(before, after))

    def run(self, name: str, suite: type[Conformity] = Conformity, *, is_migrated: bool = True) -> str:
        """Run one test on a database of its own, and return what it says; '' where it passes."""
        service: Service = importlib.import_module("notes.service").service
        with self.cluster.scratch(service, OVERRIDES) as scratch:
            if is_migrated:
                self.administrator.run(migrate(scratch.deployment))
            test: Callable[[ScratchDatabase, Administrator], None] = getattr(suite(), f"test_{name}")
            try:
                test(scratch, self.administrator)
            except pytest.fail.Exception as failure:
                return str(failure)
        return ""

    def reverse(self, suite: type[Conformity] = Conformity) -> str:
        """Run the test of each revision's downgrade."""
        return self.run("each_revision_has_an_exact_reverse", suite, is_migrated=False)


@pytest.fixture
def mutant(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tenantry_cluster: Cluster,
    tenantry_administrator: Administrator,
) -> Iterator[Mutant]:
    """A service whose roles no other test has."""
    role = f"mutant_{uuid4().hex[:10]}"
    write_project(tmp_path, roles=role)
    monkeypatch.syspath_prepend(tmp_path)
    yield Mutant(tmp_path, role, tenantry_cluster, tenantry_administrator)
    for name in [name for name in sys.modules if name.partition(".")[0] == "notes"]:
        del sys.modules[name]
    for kind in ("app", "admin", "owner"):
        tenantry_administrator.execute(f"DROP ROLE IF EXISTS {role}_{kind}")


@pytest.mark.parametrize("name", [name[5:] for name in vars(Conformity) if name.startswith("test_")])
def test_a_sound_service_passes(mutant: Mutant, name: str) -> None:
    """With more than one revision."""
    mutant.add("op.create_index('ix_text', 'notes', ['text'])", "op.drop_index('ix_text')")
    mutant.edit(
        "notes/service.py", "Mapped[str] = mapped_column(Text)", "Mapped[str] = mapped_column(Text, index=True)"
    )
    mutant.edit("notes/migrations/versions/0002_more.py", "ix_text", "ix_notes_text")
    is_migrated = "reverse" not in name and "roles" not in name
    assert mutant.run(name, is_migrated=is_migrated) == ""


def test_an_empty_downgrade_is_found(mutant: Mutant) -> None:
    """The revision, its file, and what is left."""
    mutant.add("op.execute('CREATE TABLE drafts (id integer)')")
    said = mutant.reverse()
    assert said.startswith("The downgrade of revision 0002 does not restore the catalog.")
    assert "\n+ table public.drafts\n" in said
    assert "\n+ column public.drafts.id\n+     integer\n" in said
    assert said.endswith("Correct downgrade() in " + str(mutant.folder / "notes/migrations/versions/0002_more.py.")), (
        said
    )


def test_a_table_that_is_made_where_it_is_absent_and_never_dropped_is_found(mutant: Mutant) -> None:
    """Down and up again leaves it there both times, so only the way up from an empty database shows it."""
    mutant.add("op.execute('CREATE TABLE IF NOT EXISTS drafts ()')")
    assert mutant.run("up_down_up_leaves_an_equal_catalog") == ""
    assert "+ table public.drafts" in mutant.reverse()


def test_each_revision_is_blamed_for_its_own_faults_alone(mutant: Mutant) -> None:
    mutant.add("op.execute('CREATE SEQUENCE first')", revision="0002")
    mutant.add("op.execute('CREATE VIEW fine AS SELECT 1')", "op.execute('DROP VIEW fine')", "0003", '"0002"')
    mutant.add("op.execute('COMMENT ON TABLE notes IS NULL')", "op.execute('CREATE SEQUENCE last')", "0004", '"0003"')
    last, first = mutant.reverse().split("\n\n")
    assert last.startswith("The downgrade of revision 0004")
    assert first.startswith("The downgrade of revision 0002")
    assert ("public.last" in last, "public.last" in first) == (True, False)
    assert "public.first" not in last


def test_a_downgrade_that_raises_is_found_with_its_line(mutant: Mutant) -> None:
    mutant.add("op.execute('CREATE SEQUENCE first')", 'raise NotImplementedError("no way back")')
    said = mutant.reverse()
    assert "The downgrade of revision 0002 failed:\nNotImplementedError: no way back\n" in said
    assert said.endswith("0002_more.py, line 12.")


def test_older_revisions_can_be_left_out(mutant: Mutant) -> None:
    """The downgrades of those before `first_revision` are not run."""
    mutant.edit("notes/migrations/versions/0001_notes.py", 'op.drop_table("notes")', "raise NotImplementedError")
    mutant.add("op.create_index('ix', 'notes', ['text'])", "op.drop_index('ix')")

    class Later(Conformity):
        first_revision = "0002"

    class Unknown(Conformity):
        first_revision = "0009"

    assert "revision 0001" in mutant.reverse()
    assert mutant.reverse(Later) == ""
    assert mutant.run("up_down_up_leaves_an_equal_catalog", Later) == ""
    with pytest.raises(errors.ConfigurationError, match=r"no revision '0009'.*0001, 0002"):
        mutant.reverse(Unknown)


def test_branches_are_run_one_by_one(mutant: Mutant) -> None:
    """Two revisions with one parent and a merge; only the faulty one is blamed."""
    mutant.add("op.execute('CREATE SEQUENCE a')", "op.execute('DROP SEQUENCE a')", "0002a")
    mutant.add("op.execute('CREATE SEQUENCE b')", "op.execute('ALTER SEQUENCE b CACHE 5')", "0002b")
    mutant.add("op.execute('CREATE SEQUENCE c')", "op.execute('DROP SEQUENCE c')", "0003", '("0002a", "0002b")')
    said = mutant.reverse()
    assert said.count("The downgrade") == 1
    assert "revision 0002b" in said


def test_a_downgrade_that_fails_on_rows_alone_is_found(mutant: Mutant) -> None:
    """An empty table hides it; `fill` inserts a row."""
    keep = "IF EXISTS (SELECT FROM notes) THEN CREATE TABLE kept AS SELECT * FROM notes; END IF;"
    mutant.add("pass", f"op.execute('DO $$ BEGIN {keep} END $$')")

    class Filled(Conformity):
        async def fill(self, database: Database) -> None:
            async with database.tenant("acme") as session:
                session.add(importlib.import_module("notes.service").Note(text="kept"))

    said = mutant.run("up_down_up_leaves_an_equal_catalog", Filled)
    assert said.startswith("Rolling notes back to base and migrating it again changes the catalog.")
    assert "+ table public.kept\n" in said
    assert mutant.run("up_down_up_leaves_an_equal_catalog") == ""


def test_a_model_without_a_migration_is_found(mutant: Mutant) -> None:
    """As the operation that a revision needs."""
    mutant.edit("notes/service.py", "    secret:", "    pages: Mapped[int]\n    secret:")
    said = mutant.run("models_and_migrations_agree")
    assert "op.add_column('notes', sa.Column('pages', sa.Integer(), nullable=False))" in said
    assert said.endswith("Write it with: tenantry revision --service notes -m MESSAGE")


def test_an_object_that_no_model_declares_is_found(mutant: Mutant) -> None:
    """A comparison leaves it alone, and the audit says that it is dangerous."""
    mutant.add("op.execute('CREATE POLICY hole ON notes USING (true)')")
    assert mutant.run("models_and_migrations_agree") == ""
    assert "TN006 policy public.notes.hole\n    error: " in mutant.run("the_audit_finds_nothing")


@pytest.mark.parametrize(("flag", "said"), [("NO FORCE", "not forced on"), ("DISABLE", "not enabled on")])
def test_a_table_without_row_security_is_found(mutant: Mutant, flag: str, said: str) -> None:
    mutant.add(f"op.execute('ALTER TABLE notes {flag} ROW LEVEL SECURITY')")
    found = mutant.run("row_security_is_forced_on_every_tenant_table")
    assert found.startswith(f"Row security is {said} public.notes")


def test_an_heir_without_row_security_is_found(mutant: Mutant) -> None:
    """A statement that names the heir, or a partition, meets its row security alone."""
    mutant.add("op.execute('CREATE TABLE older () INHERITS (notes)')")
    found = mutant.run("row_security_is_forced_on_every_tenant_table")
    assert found.startswith("Row security is not enabled on public.older")


def test_a_table_that_no_migration_creates_is_found(mutant: Mutant) -> None:
    mutant.add("op.drop_table('notes')")
    assert mutant.run("row_security_is_forced_on_every_tenant_table").startswith("Table public.notes does not exist.")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER ROLE {}_app BYPASSRLS", "Role {0}_app has BYPASSRLS. Run: ALTER ROLE {0}_app NOBYPASSRLS."),
        ("ALTER ROLE {}_app CREATEDB", "Role {0}_app has CREATEDB. Run: ALTER ROLE {0}_app NOCREATEDB."),
        ("ALTER ROLE {}_owner LOGIN", "Role {0}_owner has LOGIN. Run: ALTER ROLE {0}_owner NOLOGIN."),
        (
            "ALTER ROLE {}_admin NOBYPASSRLS",
            "Role {0}_admin does not have BYPASSRLS. Run: ALTER ROLE {0}_admin BYPASSRLS.",
        ),
        (
            "GRANT {0}_owner TO {0}_app",
            "Role {0}_app is a member of {0}_owner, so it has its rights. Run: REVOKE {0}_owner FROM {0}_app.",
        ),
    ],
)
def test_a_role_with_too_many_rights_is_found(mutant: Mutant, statement: str, said: str) -> None:
    """Each by its name, with the statement that corrects it."""
    mutant.add(AS_LOGIN.format(statement.format(mutant.role)))
    found = mutant.run("roles_have_no_more_rights_than_they_need", is_migrated=False)
    assert found.replace('"', "") == said.format(mutant.role)


def test_a_finding_of_the_audit_is_shown_with_its_remedy(mutant: Mutant) -> None:
    """Until the service's list accepts it."""
    mutant.add("op.execute('GRANT SELECT ON notes TO PUBLIC')")
    found = mutant.run("the_audit_finds_nothing")
    assert "Remedy: REVOKE SELECT" in found
    lines = [f"{finding.splitlines()[0]}  # A test." for finding in found.split("\n\n")]
    (mutant.folder / "notes/audit.waivers").write_text("\n".join(lines))
    assert mutant.run("the_audit_finds_nothing") == ""


def test_a_service_without_revisions_is_skipped(mutant: Mutant) -> None:
    (mutant.folder / "notes/migrations/versions/0001_notes.py").unlink()
    with pytest.raises(pytest.skip.Exception, match="The service notes has no revisions"):
        mutant.reverse()
