"""`revision` says what it wrote, renames instead of dropping, and gives rows a value where a column needs one."""

from __future__ import annotations

import pytest
from library_project import MODULE, change_models
from shop_project import Project

from tenantry import errors
from tenantry.migrations import migrate, rollback
from tenantry.migrations.description import Change
from tenantry.migrations.renames import Rename
from tenantry.migrations.writing import Written, make_revision
from tenantry.postgres.connect import connect
from tenantry.postgres.definitions import Definitions, compare_definitions, read_definitions
from tenantry.secrets import StaticSource

ISBN = (
    ('"tenant_id", "isbn"', '"tenant_id", "ean"'),
    ("length(isbn) > 3", "length(ean) > 3"),
    ("isbn_length", "ean_length"),
    ("isbn <> ''", "ean <> ''"),
    ('TenantLookup("isbn")', 'TenantLookup("ean")'),
    ("isbn: Mapped", "ean: Mapped"),
)
BOOKS = (('"books"', '"volumes"'), ("books.", "volumes."))
LOANS = (('"loans"', '"lendings"'),)
TENANT = (
    ("tenant_id", "org_id"),
    (
        "TenantBase, DeclarativeBase):\n    pass",
        'TenantBase, DeclarativeBase):\n    tenancy = Tenancy(column="org_id")',
    ),
)

# What the developer renames in the models, and the options; whether a rename may leave nothing else to do.
RENAMES = {
    "a column with a key, a check, an index and a lookup": (ISBN, ["books.isbn:ean"]),
    "a column of a reference": (
        (('"tenant_id", "book"', '"tenant_id", "volume"'), ("book: Mapped", "volume: Mapped")),
        ["loans.book:volume"],
    ),
    "a table with a lookup, a trigger and a serial number": (BOOKS, ["books:volumes"]),
    "a partitioned table": (LOANS, ["loans:lendings"]),
    "a table and its column, by the new name": ((*BOOKS, *ISBN), ["books:volumes", "volumes.isbn:ean"]),
    "a table and its column, by the old name": ((*BOOKS, *ISBN), ["books.isbn:ean", "books:volumes"]),
    "the tenant column of every table": (
        TENANT,
        ["libraries.tenant_id:org_id", "books.tenant_id:org_id", "loans.tenant_id:org_id"],
    ),
    "a column of a shared table": ((("name: Mapped", "title: Mapped"),), ["languages.name:title"]),
}


@pytest.fixture
def module_text() -> str:
    return MODULE


@pytest.fixture
async def library(shop: Project) -> Project:
    """The library at its first revision, with a row in each table."""
    await make_revision(shop.deployment, "first")
    await migrate(shop.deployment)
    await shop.sql(
        "INSERT INTO libraries (tenant_id) VALUES ('a')",
        "INSERT INTO books (tenant_id, isbn) VALUES ('a', '1234'), ('a', '5678')",
        "INSERT INTO loans (tenant_id, number, book) VALUES ('a', 1, 1)",
        "INSERT INTO languages VALUES ('de', 'Deutsch')",
        "SELECT 1",
    )
    return shop


async def definitions(shop: Project) -> Definitions:
    connection = await connect(StaticSource(shop.address), deadline=10, application_name="test")
    try:
        return await read_definitions(connection)
    finally:
        await connection.close()


def _named_after(found: Definitions, words: set[str]) -> list[str]:
    """Return what still has an old name, of what the models name: the server names the rest, differently by version."""
    kinds = {"constraint", "index", "sequence", "function", "partitioned table", "trigger"}
    mine = [name for name, kind in found if kind in kinds and not name.endswith("_not_null") and "_p0" not in name]
    parts = [name for name in mine if "_p1" not in name]
    return [name for name in parts if words & set(name.replace(".", "_").replace("(", "_").split("_"))]


def texts(written: Written) -> list[str]:
    return [change.text for change in written.changes]


class Asker:
    """Answers as told, and keeps the questions."""

    def __init__(self, *, renamed: bool = False, value: str | None = None) -> None:
        self.renamed, self.value = renamed, value
        self.questions: list[str] = []

    def is_renamed(self, rename: Rename) -> bool:
        self.questions.append(f"{rename} -> {rename.new}")
        return self.renamed

    def value_for(self, column: str, type_: str) -> str | None:
        self.questions.append(f"{column} {type_}")
        return self.value


@pytest.mark.parametrize("name", RENAMES)
async def test_a_rename_keeps_the_rows_and_has_an_exact_reverse(library: Project, name: str) -> None:
    """The database then is what the models declare; the downgrade restores every object and its name."""
    edits, options = RENAMES[name]
    before = await definitions(library)
    change_models(library, *edits)
    written = await make_revision(library.deployment, "rename", renames=options)
    assert [change for change in written.changes if change.hazard == "destroys data"] == []
    assert await definitions(library) == before
    await migrate(library.deployment)
    assert await library.differences() == []
    after = await definitions(library)
    assert _named_after(after, {option.rpartition(".")[2].partition(":")[0] for option in options}) == []
    await rollback(library.deployment, "-1")
    assert list(map(str, compare_definitions(before, await definitions(library)))) == []
    assert await library.sql("SELECT count(*) FROM books JOIN loans ON loans.book = books.number") == 1
    await migrate(library.deployment)
    assert await definitions(library) == after


async def test_a_renamed_column_can_also_change(library: Project) -> None:
    """What differs after the rename is in the same revision, and its reverse too."""
    before = await definitions(library)
    change_models(
        library,
        ("pages: Mapped[int | None]", "leaves: Mapped[int | None] = mapped_column(BigInteger)"),
        ('"pages"', '"leaves"'),
    )
    written = await make_revision(library.deployment, "rename", renames=["books.pages:leaves"])
    assert "rename column books.pages to leaves" in texts(written)
    assert "change the type of books.leaves from INTEGER to BIGINT" in texts(written)
    await migrate(library.deployment)
    assert await library.differences() == []
    await rollback(library.deployment, "-1")
    assert list(map(str, compare_definitions(before, await definitions(library)))) == []


async def _read(written: Written) -> str:
    assert written.path is not None
    return written.path.read_text()


@pytest.mark.parametrize(
    ("edits", "question", "text"),
    [
        (ISBN, "column books.isbn -> ean", "rename column books.isbn to ean"),
        (BOOKS, "table books -> volumes", "rename table books to volumes"),
    ],
    ids=["column", "table"],
)
async def test_a_terminal_is_asked_about_a_rename(
    library: Project, edits: tuple[tuple[str, str], ...], question: str, text: str
) -> None:
    """With yes it is a rename; with no, or without a terminal, a drop that is marked, with the option that renames."""
    change_models(library, *edits)
    silent = await make_revision(library.deployment, "one")
    (dropped,) = [change for change in silent.changes if change.text == f"drop {question.partition(' -> ')[0]}"]
    assert dropped.hazard == "destroys data"
    assert dropped.advice is not None
    assert "--rename books" in dropped.advice
    assert silent.path is not None
    silent.path.unlink()
    no = Asker()
    refused = await make_revision(library.deployment, "two", asker=no)
    assert question in no.questions
    assert refused.path is not None
    assert set(texts(refused)) >= {dropped.text}
    refused.path.unlink()
    yes = Asker(renamed=True)
    agreed = await make_revision(library.deployment, "three", asker=yes)
    assert question in yes.questions
    assert text in texts(agreed)
    assert dropped.text not in texts(agreed)


async def test_the_summary_marks_what_destroys_or_fails(library: Project) -> None:
    change_models(
        library,
        ("pages: Mapped[int | None]", "state: Mapped[str] = mapped_column(String(3))"),
        ('"isbn", "pages", postgresql_where=text("isbn <> \'\'")', '"isbn", unique=True'),
        ("String(20), unique=True", "String(10), unique=True"),
        ("name: Mapped[str] = mapped_column(Text)", "name: Mapped[str | None] = mapped_column(String(9))"),
        ("book: Mapped[int]", "book: Mapped[int]\n    note: Mapped[str | None]"),
    )
    written = await make_revision(library.deployment, "much")
    marks = {change.text: change.hazard for change in written.changes}
    assert marks["drop column books.pages"] == "destroys data"
    assert marks["add column books.state VARCHAR(3), not null"] == "fails on rows"
    assert marks["change the type of books.isbn from VARCHAR(20) to VARCHAR(10)"] == "fails on rows"
    assert marks["change the type of languages.name from TEXT to VARCHAR(9)"] == "fails on rows"
    assert marks["make languages.name nullable"] is None
    assert marks["add column loans.note VARCHAR"] is None
    assert next(mark for text, mark in marks.items() if text.startswith("create unique index")) == "fails on rows"
    assert all((change.advice is None) == (change.hazard is None) for change in written.changes)


async def test_a_new_table_fails_on_no_rows(shop: Project) -> None:
    """Its keys and references are not marked."""
    written = await make_revision(shop.deployment, "first")
    assert [change for change in written.changes if change.hazard] == []
    assert Change("create table books (6 columns)") in written.changes
    assert [text for text in texts(written) if text.startswith("grant DELETE, INSERT, SELECT, UPDATE on books to ")]


async def test_a_value_for_rows_that_exist(library: Project) -> None:
    """Without a value the revision fails on rows; with one it does not, and leaves no default behind."""
    before = await definitions(library)
    change_models(
        library, ("pages: Mapped[int | None]", "pages: Mapped[int]\n    state: Mapped[str] = mapped_column(String(9))")
    )
    failing = await make_revision(library.deployment, "one")
    with pytest.raises(errors.RevisionFailed, match="--default"):
        await migrate(library.deployment)
    assert failing.path is not None
    failing.path.unlink()
    asker = Asker(value="'new'")
    asked = await make_revision(library.deployment, "two", defaults=["books.pages=0"], asker=asker)
    assert asker.questions == ["books.state VARCHAR(9)"]
    assert 'run UPDATE "public"."books" SET "pages" = 0 WHERE "pages" IS NULL' in texts(asked)
    assert "UPDATE" not in (await _read(asked)).partition("def downgrade")[2]
    await migrate(library.deployment)
    assert await library.sql("SELECT string_agg(state || pages, ',') FROM books") == "new0,new0"
    assert await library.differences() == []
    await rollback(library.deployment, "-1")
    assert list(map(str, compare_definitions(before, await definitions(library)))) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"renames": ["books.isbn"]}, "not a rename"),
        ({"renames": ["books.nothing:isbn"]}, 'column "nothing" does not exist'),
        ({"renames": ["nothing:books"]}, "does not exist"),
        ({"defaults": ["state"]}, "not a default"),
        ({"defaults": ["books.state=new"]}, "not an expression of type VARCHAR"),
        ({"defaults": ["books.pages=0", "books.state='a'"]}, "no column 'books.pages' NOT NULL"),
    ],
    ids=str,
)
async def test_an_option_that_does_not_fit_is_refused(
    library: Project, options: dict[str, list[str]], said: str
) -> None:
    """No file is written, and the database is as it was."""
    before, files = await definitions(library), library.versions
    change_models(
        library,
        ("pages: Mapped[int | None]", "pages: Mapped[int | None]\n    state: Mapped[str] = mapped_column(String(9))"),
    )
    with pytest.raises(errors.ConfigurationError, match=said):
        await make_revision(library.deployment, "one", **options)  # type: ignore[arg-type]
    assert library.versions == files
    assert await definitions(library) == before


async def test_a_database_behind_is_told_to_migrate_first(library: Project) -> None:
    await library.revision("later", "pass", follows=library.versions[0].stem.partition("_")[0])
    with pytest.raises(errors.MigrationError, match="tenantry migrate"):
        await make_revision(library.deployment, "one")
