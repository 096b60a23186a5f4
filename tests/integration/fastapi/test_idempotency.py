"""One answer a key over a real table of tenants: whoever repeats a request, and whenever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import bookshop
import pytest
from bookshop_api import execute, settings_for
from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.schema import CreateTable
from starlette.responses import Response

from tenantry import Address, Database, IdempotencyRecord, TenantBase, TenantScoped
from tenantry.fastapi import Problem
from tenantry.fastapi.idempotency import answer_once
from tenantry.sql import identifier
from tenantry.tenancy.objects import declared_objects


class Base(TenantBase, DeclarativeBase):
    pass


class RequestKey(IdempotencyRecord, TenantScoped, Base):
    __tablename__ = "request_keys"
    __table_args__ = (PrimaryKeyConstraint("tenant_id", "key"),)


@pytest.fixture
async def database(shop_address: Address) -> AsyncIterator[Database]:
    dialect: Any = postgresql
    table = str(CreateTable(Base.metadata.tables["request_keys"]).compile(dialect=dialect.dialect()))
    objects = sorted(declared_objects(Base.metadata, bookshop.ROLES) - set(bookshop.ROLES))
    declared = [statement for one in objects for statement in one.create()]
    await execute(shop_address, f"SET ROLE {identifier(bookshop.ROLES.owner)}", table, *declared)
    settings = settings_for(shop_address)
    async with Database(settings, metadata=Base.metadata, roles=bookshop.ROLES, name="keys") as opened:
        yield opened


class Work:
    """Something that must be done once; counts how often it was."""

    def __init__(self, pause: float = 0.0) -> None:
        self.done = 0
        self.pause = pause

    async def __call__(self) -> Response:
        self.done += 1
        number = self.done
        await asyncio.sleep(self.pause)
        return Response(
            f"done {number}", 201, {"Location": f"/{number}", "X-Text": "\N{LATIN SMALL LETTER E WITH ACUTE}"}
        )


async def ask(
    database: Database,
    work: Work,
    *,
    tenant: str = "acme",
    key: str | None = "k",
    said: str = "a",
    lifetime: timedelta = timedelta(hours=1),
) -> str:
    async with database.tenant(tenant) as session:
        answer = await answer_once(session, RequestKey, key, said, work, lifetime=lifetime)
    assert (answer.status_code, answer.headers["X-Text"]) == (201, "\N{LATIN SMALL LETTER E WITH ACUTE}")
    return bytes(answer.body).decode()


async def test_a_request_is_done_once_and_answered_as_often_as_it_is_sent(database: Database) -> None:
    work = Work()
    assert [await ask(database, work) for _ in range(3)] == ["done 1"] * 3
    assert work.done == 1


async def test_without_a_key_it_is_done_as_often_as_it_is_sent(database: Database) -> None:
    """The mutant."""
    work = Work()
    assert [await ask(database, work, key=None) for _ in range(2)] == ["done 1", "done 2"]


async def test_tenants_do_not_meet_in_a_key(database: Database) -> None:
    """The same key and request of another tenant is another request: nothing of the first one's answer is told."""
    work = Work()
    assert await ask(database, work, tenant="acme") == "done 1"
    assert await ask(database, work, tenant="globex") == "done 2"
    assert await ask(database, work, tenant="acme") == "done 1"


async def test_a_key_of_another_request_is_refused(database: Database) -> None:
    await ask(database, Work(), said="a")
    work = Work()
    with pytest.raises(Problem) as caught:
        await ask(database, work, said="b")
    assert (caught.value.answer.status, caught.value.answer.code, work.done) == (422, "idempotency_key_reused", 0)


async def test_of_many_at_once_one_works_and_the_others_wait_for_it(database: Database) -> None:
    work = Work(pause=0.2)
    assert await asyncio.gather(*(ask(database, work) for _ in range(6))) == ["done 1"] * 6
    assert work.done == 1


async def test_work_that_failed_leaves_the_key_to_the_next(database: Database) -> None:
    """Also to one that was waiting already: it does the work itself."""
    begun = asyncio.Event()

    class Failing(Work):
        async def __call__(self) -> Response:
            begun.set()
            await asyncio.sleep(0.2)
            raise LookupError

    work = Work()
    failing = asyncio.create_task(ask(database, Failing()))
    await begun.wait()
    assert await ask(database, work) == "done 1"
    with pytest.raises(LookupError):
        await failing
    assert work.done == 1


async def test_an_expired_key_is_free_again(database: Database) -> None:
    work = Work()
    assert await ask(database, work, lifetime=timedelta(seconds=-1)) == "done 1"
    assert await asyncio.gather(*(ask(database, work) for _ in range(4))) == ["done 2"] * 4


async def test_expired_records_are_swept_by_those_who_come_later(database: Database, shop_address: Address) -> None:
    """Ten with each new key, the tenant's own; records that are in force stay."""
    for number in range(12):
        await ask(database, Work(), key=f"old-{number}", lifetime=timedelta(hours=1))
    await execute(shop_address, "UPDATE request_keys SET expires_at = now() - interval '1 s' WHERE key <> 'old-0'")
    await ask(database, Work(), tenant="globex", key="theirs")
    await ask(database, Work(), key="new")
    async with database.admin(reason="counting") as session:
        rows = await session.execute(RequestKey.__table__.select())
        keys = sorted(row.key for row in rows)
    assert len(keys) == 4
    assert {"old-0", "new", "theirs"} < set(keys)
