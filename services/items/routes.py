"""The API: items are listed, created, read, changed and removed at the service's own path, `/items`.

An item's path takes UUIDs only, so that any other name below `/items` is simply not found.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from items import schemas
from items.models import CreationKey, Item
from items.repository import ItemReader, ItemRepository
from tenantry import ReadSession, TenantSession
from tenantry.fastapi.counted_pages import CountedPageQuery
from tenantry.fastapi.dependencies import unscoped_read_session, unscoped_session
from tenantry.fastapi.etag import ETAG_HEADER, IfMatch, Precondition, precondition_failed, version_tag
from tenantry.fastapi.idempotency import IdempotencyKey, answer_once, fingerprint
from tenantry.fastapi.problems import problem_responses
from tenantry.fastapi.rows import not_found, present

__all__ = ["router"]

router = APIRouter(tags=["items"])

Work = Annotated[TenantSession, unscoped_session()]
Reading = Annotated[ReadSession, unscoped_read_session()]

ONE = "/{item_id:uuid}"
CREATED: dict[str, Any] = {
    "description": "Created",
    "headers": {**ETAG_HEADER, "Location": {"description": "The item's path.", "schema": {"type": "string"}}},
}


@router.get("/", summary="List items, the newest first")
async def list_items(
    session: Reading, page: CountedPageQuery, name: Annotated[schemas.Name | None, Query()] = None
) -> schemas.ItemListResponse:
    """Return one page and the total, by `limit` and `offset` or by `cursor`; those of one exact name where asked."""
    return await ItemReader(session).get_all(page, name)


@router.post(
    "/",
    status_code=201,
    summary="Create an item",
    response_model=schemas.Item,
    responses={201: CREATED, **problem_responses(409)},
)
async def create_item(
    session: Work, body: schemas.ItemCreate, request: Request, idempotency_key: IdempotencyKey = None
) -> Response:
    """Create an item; a request that is sent again with its `Idempotency-Key` gets the answer of the first."""

    async def create() -> Response:
        item = await ItemRepository(session).create(body)
        headers = {"Location": f"{request.scope.get('root_path', '')}/{item.id}", "ETag": version_tag(item.updated_at)}
        content = schemas.Item.model_validate(item).model_dump_json()
        return Response(content, 201, headers, media_type="application/json")

    return await answer_once(session, CreationKey, idempotency_key, fingerprint(request, body), create)


@router.get(ONE, summary="Read an item", responses={200: {"headers": ETAG_HEADER}, **problem_responses(404)})
async def read_item(session: Reading, item_id: uuid.UUID, response: Response) -> schemas.Item:
    """Return an item, its version in the ETag."""
    return _with_tag(await ItemReader(session).get_by_id(item_id), response)


@router.put(ONE, summary="Change an item", responses={200: {"headers": ETAG_HEADER}, **problem_responses(404, 412)})
async def update_item(
    session: Work, item_id: uuid.UUID, body: schemas.ItemUpdate, response: Response, if_match: IfMatch
) -> schemas.Item:
    """Change what is sent, and leave the rest; with `If-Match` only if nobody changed the item in between."""
    repository = ItemRepository(session)
    item = await repository.update(item_id, body, if_match)
    if item is None:
        await _refuse_late(repository, item_id, if_match)
    return _with_tag(item, response)


@router.delete(ONE, status_code=204, summary="Remove an item", responses=problem_responses(404, 412))
async def delete_item(session: Work, item_id: uuid.UUID, if_match: IfMatch) -> None:
    """Remove an item; with `If-Match` only if nobody changed it in between."""
    repository = ItemRepository(session)
    if not await repository.delete(item_id, if_match):
        await _refuse_late(repository, item_id, if_match)
        raise not_found("item")


async def _refuse_late(repository: ItemRepository, item_id: uuid.UUID, if_match: Precondition) -> None:
    """End the request with 412 where there is such an item, but not of the wanted version."""
    if not if_match.is_any and await repository.get_by_id(item_id) is not None:
        raise precondition_failed()


def _with_tag(found: Item | None, response: Response) -> schemas.Item:
    item = present(found, "item")
    response.headers["ETag"] = version_tag(item.updated_at)
    return schemas.Item.model_validate(item)
