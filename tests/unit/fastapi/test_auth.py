from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI
from pydantic import SecretStr

from tenantry.fastapi.auth import Caller, principal_tenant, require_scope
from tenantry.fastapi.failures import install_problem_handlers
from tenantry.fastapi.tokens import Principal, TokenSettings, issue_token, token_verifier

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]

SETTINGS = TokenSettings(jwt_secret=SecretStr("s" * 32))


@pytest.fixture
def app() -> FastAPI:
    made = FastAPI()
    made.state.tokens = token_verifier(SETTINGS)
    install_problem_handlers(made)

    @made.get("/me")
    async def me(caller: Caller) -> str:
        return caller.subject

    @made.get("/tenant")
    async def tenant(value: Annotated[str, Depends(principal_tenant)]) -> str:
        return value

    @made.get("/admin")
    async def admin(caller: Annotated[Principal, require_scope("admin")]) -> str:
        return caller.subject

    return made


def bearer(**claims: Any) -> dict[str, str]:
    return {"Authorization": "Bearer " + issue_token(SETTINGS, "ada", **claims)}


async def test_a_valid_token_lets_its_subject_in(client: Client, app: FastAPI) -> None:
    async with client(app) as http:
        assert (await http.get("/me", headers=bearer())).json() == "ada"
        assert (await http.get("/tenant", headers=bearer(tenant="acme"))).json() == "acme"
        assert (await http.get("/admin", headers=bearer(scopes=["admin"]))).json() == "ada"


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "bearer-token"])
async def test_without_a_token_the_answer_is_a_challenge(client: Client, app: FastAPI, header: str | None) -> None:
    async with client(app) as http:
        response = await http.get("/me", headers={} if header is None else {"Authorization": header})
    assert (response.status_code, response.json()["code"]) == (401, "token_required")
    assert response.headers["www-authenticate"] == "Bearer"


# The characters of a header that str.strip() removes (a header is read as Latin-1), and no server does.
SPACES = [chr(point) for point in range(0x100) if chr(point).isspace() and chr(point) not in " \t\r\n"]


@pytest.mark.parametrize("space", SPACES, ids=ascii)
@pytest.mark.parametrize("form", ["Bearer {space}{token}", "Bearer {token}{space}"])
async def test_a_token_with_another_space_is_another_token(client: Client, app: FastAPI, form: str, space: str) -> None:
    token = issue_token(SETTINGS, "ada")
    header = form.format(space=space, token=token).encode("latin-1")
    async with client(app) as http:
        response = await http.get("/me", headers=[(b"Authorization", header)])
    assert (response.status_code, response.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize("space", SPACES, ids=ascii)
@pytest.mark.parametrize("form", ["{space}Bearer {token}", "Bearer{space}{token}", "Bearer{space} {token}"])
async def test_a_scheme_with_another_space_is_another_scheme(
    client: Client, app: FastAPI, form: str, space: str
) -> None:
    header = form.format(space=space, token=issue_token(SETTINGS, "ada")).encode("latin-1")
    async with client(app) as http:
        response = await http.get("/me", headers=[(b"Authorization", header)])
    assert (response.status_code, response.json()["code"]) == (401, "token_required")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_in_any_case_and_before_any_number_of_spaces(
    client: Client, app: FastAPI, scheme: str
) -> None:
    """RFC 9110, 11.1 and 11.4."""
    async with client(app) as http:
        response = await http.get("/me", headers={"Authorization": f"{scheme} {issue_token(SETTINGS, 'ada')}"})
    assert response.status_code == 200


async def test_a_bad_token_is_challenged_without_being_repeated(client: Client, app: FastAPI) -> None:
    async with client(app) as http:
        response = await http.get("/me", headers={"Authorization": "Bearer hunter2"})
    assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert "hunter2" not in response.text


async def test_a_token_without_the_scope_is_refused(client: Client, app: FastAPI) -> None:
    async with client(app) as http:
        response = await http.get("/admin", headers=bearer(scopes=["administrator", "read"]))
    assert (response.status_code, response.json()["code"]) == (403, "scope_required")
    assert 'scope="admin"' in response.headers["www-authenticate"]


async def test_a_token_without_a_tenant_is_refused_where_one_is_needed(client: Client, app: FastAPI) -> None:
    async with client(app) as http:
        response = await http.get("/tenant", headers=bearer())
    assert (response.status_code, response.json()["code"]) == (403, "tenant_required")


async def test_the_document_says_that_a_token_is_needed(app: FastAPI) -> None:
    assert app.openapi()["paths"]["/me"]["get"]["security"] == [{"HTTPBearer": []}]
