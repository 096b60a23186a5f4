"""Processes that open the bookshop's database, query it and ask as `tenantry doctor` does.

Run as a program. Each process is forked before it has connected, as the workers of a service are: the drivers of all of
them number their statements from the same start.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection as Pipe
from typing import Any

import asyncpg
import bookshop
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tenantry import Address, Deployment, errors
from tenantry.commands.doctor.database import ask_database
from tenantry.service import Service
from tenantry.tenancy.declarations import tenancy_of

__all__ = ["run_processes"]

SERVICE = Service("bookshop", bookshop.Settings, bookshop.Base, roles=bookshop.ROLES)
SETTING = tenancy_of(bookshop.Base.metadata).setting
# Sessions that one process holds at a time.
TASKS = 4


def run_processes(address: Address, count: int, *, queries: int, together: bool) -> list[dict[str, Any]]:
    """Run so many processes, and return what each found."""
    environment = {
        **os.environ,
        "BOOKSHOP_DATABASE_URL": address.url.get_secret_value(),
        "BOOKSHOP_ENCRYPTION_KEYS": bookshop.KEYS.text.get_secret_value(),
        "BOOKSHOP_DATABASE_POOL_SIZE": str(TASKS),
    }
    command = [sys.executable, __file__, str(count), str(queries), str(int(together))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


async def _work(number: int, queries: int) -> dict[str, Any]:
    settings = bookshop.Settings.load()
    wrong = 0

    async def query(task: int) -> None:
        nonlocal wrong
        for turn in range(task, queries, TASKS):
            # A few texts a process, so that each is prepared often, and its rows tell whose statement it was.
            tag = f"process {number} text {turn % 5}"
            async with database.tenant(f"tenant {number}") as session:
                seen = (await session.execute(text(f"SELECT '{tag}', CAST(:turn AS int)"), {"turn": turn})).one()
                tenant = await session.scalar(text(f"SELECT current_setting('{SETTING}')"))
            wrong += (tuple(seen), tenant) != ((tag, turn), f"tenant {number}")

    async with Deployment(SERVICE, settings).database() as database:
        await asyncio.gather(*(query(task) for task in range(TASKS)))
        is_ok = (await database.probe.check()).ok
    asked = await ask_database(Deployment(SERVICE, settings))
    return {"queries": queries, "wrong": wrong, "probe": is_ok, "role": asked.role.name}


def _tell(pipe: Pipe, *arguments: Any) -> None:
    try:
        pipe.send(asyncio.run(_work(*arguments)))
    except (errors.TenantryError, SQLAlchemyError, asyncpg.PostgresError) as error:
        pipe.send({"error": str(error)})


def main(count: str, queries: str, together: str) -> None:
    """Run the processes and print what they found."""
    fork = multiprocessing.get_context("fork")
    found, running = [], []
    for number in range(int(count)):
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(target=_tell, args=(sender, number, int(queries)))
        process.start()
        sender.close()  # The process has the other copy: its end ends the wait.
        running.append(receiver)
        if together == "0":
            found.append(running.pop().recv())
    found += [receiver.recv() for receiver in running]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
