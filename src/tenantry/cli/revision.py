"""`tenantry revision`: writes a new revision file, and says what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.asking import TerminalAsker, is_terminal
from tenantry.cli.options import common, open_one
from tenantry.cli.output import say, write, write_json

if TYPE_CHECKING:
    from tenantry.migrations.writing import Written

__all__ = ["revision", "tell_written"]


@click.command()
@click.option("-m", "--message", required=True, help="Summary of the revision; it becomes part of the file name.")
@click.option("--empty", "is_empty", is_flag=True, help="Write an empty revision, without a comparison.")
@click.option("--drop", multiple=True, help="Also drop this undeclared object, by its name in the notes.")
@click.option(
    "--rename",
    "renames",
    metavar="OLD:NEW",
    multiple=True,
    help="Rename a column (books.title:name) or a table (books:volumes) instead of dropping it; may be repeated.",
)
@click.option(
    "--default",
    "defaults",
    metavar="COLUMN=SQL",
    multiple=True,
    help="Value of a column that becomes NOT NULL, for rows that exist (books.isbn=''); may be repeated.",
)
@common
def revision(
    message: str,
    is_empty: bool,
    drop: Sequence[str],
    renames: Sequence[str],
    defaults: Sequence[str],
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Write a revision that migrates the database to the models.

    The command prints the file to stdout, and to stderr what the revision does, what of it destroys data, and what
    fails on rows that exist. On a terminal it asks about renames, and about values of new NOT NULL columns.
    """
    import asyncio

    from tenantry.migrations.writing import make_revision

    asker = TerminalAsker() if is_terminal() and not as_json else None
    with open_one(names) as (_, deployment):
        written = asyncio.run(
            make_revision(
                deployment,
                message,
                is_empty=is_empty,
                drop=drop,
                renames=renames,
                defaults=defaults,
                asker=asker,
            )
        )
    tell_written(written, as_json=as_json, nothing="The database matches the models; no revision was written.")


def tell_written(written: Written, *, as_json: bool, nothing: str) -> None:
    """Print a new revision: its file, a line for each operation, and what it leaves alone."""
    if as_json:
        write_json(written)
        return
    write(str(written.path) if written.path else nothing)
    for change in written.changes:
        mark = click.style(f"  [{change.hazard}]", fg="red") if change.hazard else ""
        say(f"  {change.text}{mark}")
        if change.hazard and change.advice:
            say(f"    {change.advice}")
    if written.left_alone:
        say("Left alone, because no declaration mentions them (--drop NAME drops one):")
    for name in written.left_alone:
        say(f"  {name}")
