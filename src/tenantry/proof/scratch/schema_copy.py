"""Copy a database's schema into an empty database with PostgreSQL's `pg_dump`.

Only the definitions are copied, so no customer's row leaves the database, and other sessions may stay connected. The
dump is sent as one message over a connection of this process, and not through psql: an error then has its SQLSTATE, and
psql's own commands in the dump have no effect.
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
from tenantry.proof.scratch.reservation import Scratch, log_in
from tenantry.service import Service

__all__ = ["copy_schema"]

OPTIONS = ("--schema-only", "--no-subscriptions", "--no-tablespaces", "--no-security-labels", "--encoding=UTF8")

# Commands for psql only, which refuses its other commands between the two (CVE-2025-8714).
_RESTRICT = re.compile(r"^\\(?:un)?restrict \w+$", re.MULTILINE)
# A newer pg_dump sets a parameter that an older server does not have.
_NEWER = re.compile(r"^SET transaction_timeout = 0;$", re.MULTILINE)
HEADER = 2000

FALLBACK = "or prove the migrations, with --from-migrations."


async def copy_schema(service: Service, source: Address, scratch: Scratch, project: Project) -> None:
    """Copy the schema at `source` into the empty scratch database.

    Raises:
        ServerError: no pg_dump can read this server, or it failed.
        ConfigurationError: the login may not read the schema, or not create its objects.
    """
    version: int = await scratch.keeper.fetchval("SELECT current_setting('server_version_num')::int") // 10000
    # A superuser restores the owner of every object. Another login is a member of the owner, and creates all objects as
    # the owner.
    role = None if scratch.is_superuser else service.roles.owner
    text = await _dump(find_pg_dump(project, version), source, role)
    connection = await log_in(scratch.address, role)
    try:
        await connection.execute(readable(text, version))
    except asyncpg.PostgresError as error:
        raise errors.ConfigurationError(
            f"The schema of {source.database} could not be copied into the scratch database.",
            why=f"{error} (SQLSTATE {error.sqlstate}).",
            remedy=f"Give a login with these privileges by --database-url, {FALLBACK}",
        ) from error
    finally:
        await connection.close()


def readable(text: str, version: int) -> str:
    """Return a dump in a form that a server of a major version reads without psql."""
    lines = list(_RESTRICT.finditer(text))
    # Only the first and the last match: between them the text belongs to the schema.
    for found in reversed([one for one in (lines[0], lines[-1]) if len(lines) > 1]):
        text = text[: found.start()] + text[found.end() :]
    since = 17
    return text if version >= since else _NEWER.sub("", text[:HEADER]) + text[HEADER:]


def find_pg_dump(project: Project, version: int) -> Path:
    """Return the installed pg_dump with the lowest version that can read a server of a major version.

    Raises:
        BinariesMissing: no pg_dump is new enough.
    """
    found = [(major, path) for major, path in _programs(project) if major >= version]
    if not found:
        raise errors.BinariesMissing(
            f"No installed pg_dump can read a server of version {version}.",
            why="pg_dump reads servers of its own version and of older ones.",
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
    """Return the major version of a pg_dump, 0 if it is unknown."""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    match = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return int(match[1]) if match else 0


async def _dump(program: Path, source: Address, role: str | None) -> str:
    # The caller's PGSERVICE or PGOPTIONS would change the connection.
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
            remedy=f"Give a login that may read it by --database-url, {FALLBACK}",
        )
    return out.decode()
