"""`Idempotency-Key`: a client that does not know whether its request arrived sends it again, and nothing is done twice.

    return await answer_once(session, CreationKey, key, fingerprint(request, body), create)

Invariant: the key is claimed first, in the transaction that does the work, and kept with the answer when that commits.
So there is no moment in which one of the two is there without the other, and a request that fails leaves its key free.
Of two requests at once the second waits in its INSERT until the first has ended; then it finds the answer, or does the
work if the first failed.
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
from tenantry.tenancy.idempotency_record import LONGEST_KEY, IdempotencyRecord

__all__ = ["LIFETIME", "REPLAYED", "IdempotencyKey", "answer_once", "fingerprint"]

LIFETIME = timedelta(hours=24)
REPLAYED = "Idempotency-Replayed"

# More than one request can add, so that the table shrinks after a burst, and few enough to take no time.
SWEPT = 10
# A record can only vanish between two looks by expiring in that moment.
ATTEMPTS = 3
# No record is ever loaded as an object that a session would have to keep in step.
BLIND = {"synchronize_session": False}

# What a route takes; visible ASCII, so that one spelling is one key.
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=LONGEST_KEY,
        pattern=r"^[\x21-\x7e]+$",
        description="Made by the client for this request; sent again with the same key, it is answered without effect.",
    ),
]

_Record = type[IdempotencyRecord]


def fingerprint(request: Request, body: BaseModel) -> str:
    """Return what makes two requests the same: method, path and what the body says, however it was spaced."""
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
    """Return what `work` answers, or what it answered to the same request within `lifetime`; without a key, do it.

    The answer is kept whole, so it should be small and hold no secret.

    Raises:
        Problem: 422, the key belongs to another request; 409, its record came and went meanwhile.
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
    raise Problem(409, "idempotency_key_busy", "Another request with this key is under way. Send this one again.")


async def _claim(session: AsyncSession, record: _Record, key: str, said: str, lifetime: timedelta) -> bool:
    """Put the key in, or take over one that has expired; wait for whoever is doing so. Return whether it is ours."""
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
    """Remove a few records that have expired, passing over those that another request is at."""
    keys = tuple(_table(record).primary_key)
    expired = select(*keys).where(record.expires_at <= func.now()).limit(SWEPT).with_for_update(skip_locked=True)
    # As a subquery it may be run again for each row, and find more rows than its limit.
    once = expired.cte("expired").prefix_with("MATERIALIZED")
    statement = delete(record).where(tuple_(*keys).in_(select(*once.c)))
    await session.execute(statement, execution_options=BLIND)


def _replay(known: str, answer: dict[str, Any], said: str) -> Response:
    if known != said:
        detail = "This key was used for another request. Take a new one."
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
