"""`Idempotency-Key`: a client can send a request again without repeating its effect.

    return await idempotency.answer_once(session, CreationKey, key, idempotency.fingerprint(request, body), create)

Invariant: one transaction inserts the key, does the work and stores the answer. So the key and the work are committed
together, and a request that fails leaves its key free. When two requests have the same key, the INSERT of the second
one waits for the first one. Then it finds the answer, or does the work itself if the first one failed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import Table, delete, func, inspect, null, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from tenantry.fastapi.problems import Problem
from tenantry.tenancy.idempotency import LONGEST_KEY, IdempotencyRecord

__all__ = ["LIFETIME", "REPLAYED", "Key", "answer_once", "fingerprint"]

LIFETIME = timedelta(hours=24)
REPLAYED = "Idempotency-Replayed"

# A request adds one row, so the table shrinks after a burst; and removing ten rows takes no time.
SWEPT = 10
# Between the two statements of an attempt a record can only disappear by expiring.
ATTEMPTS = 3
# No record is loaded as an object, so the session has no object to synchronise.
BLIND = {"synchronize_session": False}

# For a route's parameter: `key: idempotency.Key = None`. Visible ASCII only, so that each key has one spelling.
Key = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=LONGEST_KEY,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the client. A request with a known key gets the first answer, and has no effect.",
    ),
]

_Record = type[IdempotencyRecord]


def fingerprint(request: Request, body: BaseModel) -> str:
    """Return a digest of the method, the path and the parsed body: equal requests have equal digests."""
    said = f"{request.method}\n{request.url.path}\n{body.model_dump_json()}"
    return hashlib.sha256(said.encode()).hexdigest()


async def answer_once(
    session: AsyncSession,
    record: _Record,
    key: str | None,
    request_fingerprint: str,
    work: Callable[[], Awaitable[Response]],
    *,
    lifetime: timedelta = LIFETIME,
) -> Response:
    """Do the work and return its answer, or return the stored answer to the same request within `lifetime`.

    Without a key, always do the work. The whole answer is stored, so it should be small and contain no secret.

    Raises:
        Problem: 422, the key belongs to another request; 409, other requests with the key are running.
    """
    if key is None:
        return await work()
    for _ in range(ATTEMPTS):
        if await _claim(session, record, key, request_fingerprint, lifetime):
            await _sweep(session, record)
            answer = await work()
            kept = update(record).where(record.key == key).values(answer=_to_json(answer))
            await session.execute(kept, execution_options=BLIND)
            return answer
        columns = select(record.fingerprint, record.answer).where(record.key == key)
        found = (await session.execute(columns)).one_or_none()
        if found is not None:
            return _replay(found.fingerprint, found.answer, request_fingerprint)
    raise Problem(409, "idempotency_key_busy", "Another request with this key is running. Send this request again.")


async def _claim(session: AsyncSession, record: _Record, key: str, said: str, lifetime: timedelta) -> bool:
    """Insert the key or replace an expired one, and return whether this request owns it; wait for a concurrent one."""
    values = {"key": key, "fingerprint": said, "expires_at": func.now() + lifetime}
    statement = (
        insert(record)
        .values(values)
        .on_conflict_do_update(
            index_elements=[column.name for column in _table(record).primary_key],
            set_={**values, "answer": null()},
            where=record.expires_at <= func.now(),
        )
        .returning(record.key)
    )
    return (await session.execute(statement)).one_or_none() is not None


async def _sweep(session: AsyncSession, record: _Record) -> None:
    """Delete a few expired records, except those that another request has locked."""
    keys = tuple(_table(record).primary_key)
    expired = select(*keys).where(record.expires_at <= func.now()).limit(SWEPT).with_for_update(skip_locked=True)
    # PostgreSQL may run a subquery again for each row, which would exceed the limit.
    once = expired.cte("expired").prefix_with("MATERIALIZED")
    statement = delete(record).where(tuple_(*keys).in_(select(*once.c)))
    await session.execute(statement, execution_options=BLIND)


def _replay(known: str, answer: dict[str, Any], said: str) -> Response:
    if known != said:
        detail = "This key belongs to another request. Choose a new key."
        raise Problem(422, "idempotency_key_reused", detail)
    headers = {**answer["headers"], REPLAYED: "true"}
    return Response(answer["body"], answer["status"], headers)


def _to_json(answer: Response) -> dict[str, Any]:
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return {"status": answer.status_code, "headers": headers, "body": bytes(answer.body).decode()}


def _table(record: _Record) -> Table:
    table = inspect(record, raiseerr=True).local_table
    assert isinstance(table, Table)
    return table
