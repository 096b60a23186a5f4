from __future__ import annotations

from typing import Annotated, Any

import pytest
from fastapi import Depends
from pydantic import BaseModel

from tenantry.fastapi.auth import Caller, principal
from tenantry.fastapi.openapi import ServiceAPI
from tenantry.fastapi.problems import MEDIA_TYPE, problem_responses


class Item(BaseModel):
    name: str


@pytest.fixture
def document() -> dict[str, Any]:
    app = ServiceAPI()

    @app.post("/items", status_code=201, responses=problem_responses(409))
    async def create(body: Item, caller: Caller) -> Item:
        return body

    @app.get("/items/{number}", dependencies=[Depends(principal)])
    async def read(number: int) -> Item:
        return Item(name=str(number))

    @app.get("/open")
    async def open_to_all() -> Item:
        return Item(name="")

    return app.openapi()


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/items", "post", {"201", "400", "401", "403", "409", "413", "422", "default"}),
        ("/items/{number}", "get", {"200", "401", "403", "422", "default"}),
        ("/open", "get", {"200", "default"}),
    ],
)
def test_each_operation_names_the_problems_of_its_shape(
    document: dict[str, Any], path: str, method: str, statuses: set[str]
) -> None:
    responses = document["paths"][path][method]["responses"]
    assert set(responses) == statuses
    for status in statuses - {"200", "201"}:
        assert list(responses[status]["content"]) == [MEDIA_TYPE]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas) == {"Item", "Problem", "FieldError"}


def test_the_document_is_made_once() -> None:
    app = ServiceAPI()
    assert app.openapi() is app.openapi()


def test_annotated_dependencies_are_seen() -> None:
    app = ServiceAPI()

    @app.get("/me")
    async def me(who: Annotated[object, Depends(principal)]) -> None: ...

    assert "401" in app.openapi()["paths"]["/me"]["get"]["responses"]
