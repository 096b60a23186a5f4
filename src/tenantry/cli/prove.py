"""`tenantry prove`: attacks a scratch copy of the database to prove isolation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import OutputFile, common, find_services
from tenantry.cli.output import say, write, write_json

if TYPE_CHECKING:
    from tenantry.proof.isolation.report import Proof

__all__ = ["prove"]

LIMITS_PAGE = "docs/explanation/proof.md#known-limits"


@click.group()
def prove() -> None:
    """Prove isolation with attacks on a scratch copy of the database."""


@prove.command()
@click.option("--html", "page", type=OutputFile(), help="Write the report to this file as one HTML page.")
@click.option("--database-url", metavar="URL", help="Copy this database instead of the service's database.")
@click.option("--from-migrations", is_flag=True, help="Make the copy by the migrations, not from the database.")
@click.option("-v", "--verbose", is_flag=True, help="Print each step, each known limit and each skipped attack.")
@common
@click.pass_context
def isolation(
    context: click.Context,
    page: Path | None,
    database_url: str | None,
    from_migrations: bool,
    verbose: bool,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Attack a scratch copy of the database as one tenant, and check that no other tenant's data is reached.

    The command creates the copy on the same server, inserts three tenants, and drops it at the end, also after Ctrl-C.
    It only reads the database itself. It exits with 1 if an attack succeeds.
    """
    import logging

    from tenantry.cli.interruption import run_to_end
    from tenantry.deployment import open_deployments
    from tenantry.proof.isolation.prove import prove_isolation

    # An admin session logs a warning. Here it only fills a scratch database, so the warning is dropped.
    logging.getLogger("tenantry").addHandler(logging.NullHandler())
    project, services = find_services(names)
    if database_url is not None and len(services) > 1:
        raise click.UsageError("--database-url names the database of one service; name the service with --service.")
    proofs: list[Proof] = []
    with open_deployments(project, names, needs_server=database_url is None) as deployments:
        for deployment in deployments:
            with _progress(deployment.name) as on_progress:
                work = prove_isolation(
                    deployment,
                    project,
                    database_url=database_url or "",
                    from_migrations=from_migrations,
                    tell=_narrate(deployment.name) if verbose else lambda _step: None,
                    on_progress=on_progress,
                )
                proofs.append(run_to_end(work))
            if not as_json:
                _tell(proofs[-1], is_verbose=verbose)
    if any(proof.limits for proof in proofs) and not as_json:
        write(f"A known limit is an attack that PostgreSQL's design allows. Protection against each: {LIMITS_PAGE}")
    if as_json:
        # The form of the document depends on the command line only, not on the number of services in the project.
        documents = [proof.document() for proof in proofs]
        write_json(documents[0] if len(names) == 1 else {"proofs": documents})
    if page is not None:
        _write_page(page, proofs)
    if any(proof.is_breached for proof in proofs):
        context.exit(1)


def _tell(proof: Proof, *, is_verbose: bool) -> None:
    """Print one line of counts, and each breach."""
    from tenantry.proof.isolation.report import gather, seen

    counts = f"{proof.blocked:,} blocked, {_count(len(proof.breaches), 'breach', 'breaches')}"
    write(
        f"{proof.service}: {_count(proof.attacks, 'attack')} on {_count(proof.tables, 'table')}: {counts}, "
        f"{_count(len(proof.limits), 'known limit')}, {len(proof.skipped):,} skipped, in {proof.seconds:.1f} s"
    )
    for breach in proof.breaches:
        write(f"  breach {breach.attack} {breach.object}: {seen(breach.detail, breach.stance)}")
    for attack, objects, what in gather(proof.limits) if is_verbose else ():
        write(f"  limit {attack} {', '.join(objects)}: {what}")
    reasons = {(one.attack, one.object, one.reason): None for one in proof.skipped} if is_verbose else {}
    for attack, thing, reason in reasons:
        write(f"  skipped {attack} {thing}: {reason}")


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _write_page(path: Path, proofs: Sequence[Proof]) -> None:
    import shlex
    from datetime import UTC, datetime

    from tenantry.proof.isolation.page import render_page

    # Without a URL, which may contain a password.
    given = [word for word in sys.argv[1:] if not word.startswith(("postgresql:", "postgres:"))]
    path.write_text(
        render_page(proofs, moment=datetime.now(UTC), command=shlex.join(["tenantry", *given])), encoding="utf-8"
    )
    say(f"report written to {path}")


def _narrate(name: str) -> Callable[[str], None]:
    return lambda step: say(f"{name}: {step}")


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
