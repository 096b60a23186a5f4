"""Copies a database's schema into an empty one, by PostgreSQL's own `pg_dump`.

Only the definitions are copied, so no row of a customer leaves the database, and it does not matter who is connected to
it. The text is sent as one message over our own connection instead of being piped into psql: it holds no data, an error
comes with its SQLSTATE, and psql's own commands in it have no meaning.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.binaries import WHEEL_VERSIONS, find_binaries
from tenantry.project import Project
from tenantry.proof.scratch.scratch import Scratch, log_in
from tenantry.service import Service

__all__ = ["copy_schema"]

OPTIONS = ("--schema-only", "--no-subscriptions", "--no-tablespaces", "--no-security-labels", "--encoding=UTF8")

# What psql alone understands: it refuses other commands of its own between the two (CVE-2025-8714).
_RESTRICT = re.compile(r"^\\(?:un)?restrict \w+$", re.MULTILINE)
# A newer pg_dump sets what an older server does not have.
_NEWER = re.compile(r"^SET transaction_timeout = 0;$", re.MULTILINE)
HEADER = 2000

FALLBACK = "or prove what the migrations make, with --from-migrations."


async def copy_schema(service: Service, source: Address, scratch: Scratch, project: Project) -> None:
    """Copy the schema at `source` into the empty scratch database.

    Raises:
        ServerError: there is no pg_dump that can read this server, or it failed.
        ConfigurationError: the login may not read or make what the schema holds.
    """
    version: int = await scratch.keeper.fetchval("SELECT current_setting('server_version_num')::int") // 10000
    # A superuser gives every object its owner back; any other login makes them as the owner, of whom it is a member.
    role = None if scratch.is_superuser else service.roles.owner
    text = await _dump(find_pg_dump(project, version), source, role)
    connection = await log_in(scratch.address, role)
    try:
        await connection.execute(readable(text, version))
    except asyncpg.PostgresError as error:
        raise errors.ConfigurationError(
            f"The schema of {source.database} could not be made again beside it.",
            why=f"{error} (SQLSTATE {error.sqlstate}).",
            remedy=f"Give a login that may, with --database-url, {FALLBACK}",
        ) from error
    finally:
        await connection.close()


def readable(text: str, version: int) -> str:
    """Return a dump as a server of that major version reads it without psql."""
    lines = list(_RESTRICT.finditer(text))
    # The first and the last one only: what stands between them is the schema's.
    for found in reversed([one for one in (lines[0], lines[-1]) if len(lines) > 1]):
        text = text[: found.start()] + text[found.end() :]
    since = 17
    return text if version >= since else _NEWER.sub("", text[:HEADER]) + text[HEADER:]


def find_pg_dump(project: Project, version: int) -> Path:
    """Return a pg_dump that can read a server of that major version: the nearest one, of those that are installed.

    Raises:
        BinariesMissing: there is none.
    """
    found = [(major, path) for major, path in _programs(project) if major >= version]
    if not found:
        raise errors.BinariesMissing(
            f"There is no pg_dump that can read a server of version {version}.",
            why="A pg_dump reads servers of its own version and older ones.",
            remedy=f"Install the client programs of PostgreSQL {version}, {FALLBACK}",
        )
    return min(found, key=lambda one: one[0])[1]


def _programs(project: Project) -> Iterator[tuple[int, Path]]:
    """Yield the programs of the project's server, those on the PATH, and those of the wheel."""
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield _major(Path(on_path)), Path(on_path)
    for spec in (project.postgres_spec, *map(str, WHEEL_VERSIONS)):
        try:
            binaries = find_binaries(spec)
            yield binaries.major, binaries.path("pg_dump")
        except errors.BinariesMissing:
            continue


def _major(program: Path) -> int:
    """Return the major version of a pg_dump, 0 where it does not tell."""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    match = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return int(match[1]) if match else 0


async def _dump(program: Path, source: Address, role: str | None) -> str:
    # The caller's own PGSERVICE or PGOPTIONS would have their say too.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {"PGAPPNAME": "tenantry proof", **source.libpq_environment()}
    process = await asyncio.create_subprocess_exec(
        program,
        *OPTIONS,
        *([f"--role={role}"] if role else []),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise errors.ServerError(
            f"The schema of {source.redacted} could not be read by {program}.",
            why=said.decode(errors="replace").strip(),
            remedy=f"Give a login that may read it with --database-url, {FALLBACK}",
        )
    return out.decode()
