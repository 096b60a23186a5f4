"""What a downgrade's SQL destroys is read from the SQL."""

from __future__ import annotations

import pytest

from tenantry.migrations.losses import Loss, find_losses


@pytest.mark.parametrize(
    ("sql", "losses"),
    [
        ("DROP TABLE books;", ["table books"]),
        ('DROP TABLE IF EXISTS "public"."Book Shelf";', ["table Book Shelf"]),
        ("DROP TABLE billing.books;", ["table billing.books"]),
        ("ALTER TABLE books DROP COLUMN title;", ["column books.title"]),
        ('ALTER TABLE ONLY "books" DROP "title";', ["column books.title"]),
        ("ALTER TABLE books DROP CONSTRAINT title;", []),
        ("ALTER TABLE books DROP COLUMN IF EXISTS title;", ["column books.title"]),
        ("TRUNCATE TABLE books;", ["rows of books"]),
        ("DELETE FROM books WHERE old;", ["rows of books"]),
        ("DELETE FROM alembic_version WHERE alembic_version.version_num = '1';", []),
        ("-- DROP TABLE books\nSELECT 1;", []),
        ("DROP INDEX i; DROP POLICY p ON books; DROP TRIGGER t ON books;", []),
    ],
    ids=str,
)
def test_a_loss_is_named(sql: str, losses: list[str]) -> None:
    assert [str(loss) for loss in find_losses(sql)] == losses


def test_a_count_is_part_of_the_text() -> None:
    assert str(Loss("table", "books", 1)) == "table books (1 row)"
    assert str(Loss("table", "books", 10_000, has_more=True)) == "table books (more than 10,000 rows)"
