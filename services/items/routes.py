"""The API: list, create, read, change and delete items at the service's path, `/items`.

The path of an item accepts only UUIDs, so any other name below `/items` is not found.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from items import schemas
from items.models import CreationKey, Item
from items.repository import ItemReader, ItemRepository
from tenantry import ReadSession, TenantSession
from tenantry.fastapi import (
    CountedPageQuery,
    etag,
    idempotency,
    problem_responses,
    rows,
    unscoped_read_session,
    unscoped_session,
)

__all__ = ["router"]

router = APIRouter(tags=["items"])

Work = Annotated[TenantSession, unscoped_session()]
Reading = Annotated[ReadSession, unscoped_read_session()]

ONE = "/{item_id:uuid}"
CREATED: dict[str, Any] = {
    "description": "Created",
    "headers": {**etag.HEADER, "Location": {"description": "The item's path.", "schema": {"type": "string"}}},
}


@router.get("/", summary="List items, newest first")
async def list_items(
    session: Reading, page: CountedPageQuery, name: Annotated[schemas.Name | None, Query()] = None
) -> schemas.ItemListResponse:
    """Return one page and the total. Pages go by `limit` and `offset`, or by `cursor`; `name` matches exactly."""
    return await ItemReader(session).get_all(page, name)


@router.post(
    "/",
    status_code=201,
    summary="Create an item",
    response_model=schemas.Item,
    responses={201: CREATED, **problem_responses(409)},
)
async def create_item(
    session: Work, body: schemas.ItemCreate, request: Request, idempotency_key: idempotency.Key = None
) -> Response:
    """Create an item. A request that is sent again with its `Idempotency-Key` gets the answer of the first one."""

    async def create() -> Response:
        item = await ItemRepository(session).create(body)
        headers = {
            "Location": f"{request.scope.get('root_path', '')}/{item.id}",
            "ETag": etag.version_tag(item.updated_at),
        }
        content = schemas.Item.model_validate(item).model_dump_json()
        return Response(content, 201, headers, media_type="application/json")

    said = idempotency.fingerprint(request, body)
    return await idempotency.answer_once(session, CreationKey, idempotency_key, said, create)


@router.get(ONE, summary="Read an item", responses={200: {"headers": etag.HEADER}, **problem_responses(404)})
async def read_item(session: Reading, item_id: uuid.UUID, response: Response) -> schemas.Item:
    """Return an item; the ETag is its version."""
    return _with_tag(await ItemReader(session).get_by_id(item_id), response)


@router.put(ONE, summary="Change an item", responses={200: {"headers": etag.HEADER}, **problem_responses(404, 412)})
async def update_item(
    session: Work, item_id: uuid.UUID, body: schemas.ItemUpdate, response: Response, if_match: etag.IfMatch
) -> schemas.Item:
    """Change the given fields; with `If-Match`, only if the item still has this version."""
    repository = ItemRepository(session)
    item = await repository.update(item_id, body, if_match)
    if item is None:
        await _refuse_late(repository, item_id, if_match)
    return _with_tag(item, response)


@router.delete(ONE, status_code=204, summary="Delete an item", responses=problem_responses(404, 412))
async def delete_item(session: Work, item_id: uuid.UUID, if_match: etag.IfMatch) -> None:
    """Delete an item; with `If-Match`, only if it still has this version."""
    repository = ItemRepository(session)
    if not await repository.delete(item_id, if_match):
        await _refuse_late(repository, item_id, if_match)
        raise rows.not_found("item")


async def _refuse_late(repository: ItemRepository, item_id: uuid.UUID, if_match: etag.Precondition) -> None:
    """End the request with 412 when the item exists but has another version."""
    if not if_match.is_any and await repository.get_by_id(item_id) is not None:
        raise etag.precondition_failed()


def _with_tag(found: Item | None, response: Response) -> schemas.Item:
    item = rows.present(found, "item")
    response.headers["ETag"] = etag.version_tag(item.updated_at)
    return schemas.Item.model_validate(item)
