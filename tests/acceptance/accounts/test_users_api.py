"""`/users`: a tenant's administrators manage its users, and nobody else's."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import httpx2
import pytest
from accounts_api import NEW_PASSWORD, PASSWORD, Door, Person, stored_hash

ALAN = {"username": "alan", "email": "alan@acme.example", "password": PASSWORD}


async def test_a_user_is_added_read_listed_and_removed(ada: Person) -> None:
    created = await ada.http.post("/users", json=ALAN)
    assert created.status_code == 201
    document = created.json()
    assert document["roles"] == ["member"]
    assert set(document) == {"id", "username", "email", "roles", "created_at"}
    place = created.headers["Location"]
    assert (await ada.http.get(place)).json() == document
    listed = (await ada.http.get("/users")).json()["items"]
    assert [user["username"] for user in listed] == ["alan", "ada"]
    assert (await ada.http.delete(place)).status_code == 204
    assert (await ada.http.get(place)).status_code == 404
    assert (await ada.http.delete(place)).status_code == 404


async def test_users_are_listed_by_page_and_by_role(ada: Person, door: Door) -> None:
    for username, role in (("alan", "member"), ("barbara", "admin"), ("claude", "member")):
        await door.add(ada, username, role)
    seen, cursor = [], ""
    while True:
        page = (await ada.http.get(f"/users?limit=3{cursor}")).json()
        seen += [user["username"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["claude", "barbara", "alan", "ada"]
    admins = (await ada.http.get("/users?role=admin")).json()["items"]
    assert [user["username"] for user in admins] == ["barbara", "ada"]
    assert (await ada.http.get("/users?role=king")).status_code == 422


@pytest.mark.parametrize(
    "change",
    [{"username": "turing"}, {"email": "Turing@acme.example"}, {"roles": ["member", "admin", "admin"]}, {}],
)
async def test_what_is_given_is_changed(ada: Person, door: Door, change: dict[str, Any]) -> None:
    alan = await door.add(ada, "alan")
    before = (await ada.http.get(f"/users/{alan.id}")).json()
    answer = await ada.http.patch(f"/users/{alan.id}", json={**change, "password": None})
    expected = {"email": "turing@acme.example", "roles": ["admin", "member"]}
    assert answer.status_code == 200
    assert answer.json() == {**before, **{name: expected.get(name, value) for name, value in change.items()}}
    assert (await ada.http.get(f"/users/{alan.id}")).json() == answer.json()


async def test_an_administrator_gives_a_user_a_new_password(
    ada: Person, door: Door, nobody: httpx2.AsyncClient
) -> None:
    """The user's tokens are void from then on."""
    alan = await door.add(ada, "alan")
    assert (await ada.http.patch(f"/users/{alan.id}", json={"password": NEW_PASSWORD})).status_code == 200
    assert (await alan.http.get("/me")).status_code == 401
    assert (await nobody.post("/sign-in", json=alan.credentials)).status_code == 401
    await door.sign_in(alan.email, NEW_PASSWORD)


async def test_ones_own_password_is_not_changed_without_the_current_one(
    ada: Person, superuser: asyncpg.Connection
) -> None:
    before = await stored_hash(superuser, ada.email)
    answer = await ada.http.patch(f"/users/{ada.id}", json={"password": NEW_PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (409, "own_password")
    assert await stored_hash(superuser, ada.email) == before


async def test_a_removed_user_is_out_at_once(ada: Person, door: Door, nobody: httpx2.AsyncClient) -> None:
    alan = await door.add(ada, "alan", "admin")
    await ada.http.delete(f"/users/{alan.id}")
    for path in ("/me", "/users"):
        answer = await alan.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert (await nobody.post("/sign-in", json=alan.credentials)).status_code == 401


async def test_a_role_that_was_taken_is_gone_at_once(ada: Person, door: Door) -> None:
    """Though the token still says that there was one."""
    alan = await door.add(ada, "alan", "admin")
    assert (await alan.http.get("/users")).status_code == 200
    await ada.http.patch(f"/users/{alan.id}", json={"roles": ["member"]})
    assert (await alan.http.get("/users")).status_code == 403
    assert (await alan.http.get("/me")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/users"), ("POST", "/users"), ("GET", "/users/{}"), ("PATCH", "/users/{}"), ("DELETE", "/users/{}")],
)
async def test_only_administrators_manage_users(ada: Person, door: Door, method: str, path: str) -> None:
    """Not even oneself: a member could make itself an administrator."""
    alan = await door.add(ada, "alan")
    body = {"POST": {**ALAN, "roles": ["admin"]}, "PATCH": {"roles": ["admin"]}}.get(method)
    answer = await alan.http.request(method, path.format(alan.id), json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_required")
    assert (await alan.http.get("/me")).json()["user"]["roles"] == ["member"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("exists", [True, False])
async def test_another_tenants_user_is_not_found(ada: Person, grace: Person, method: str, *, exists: bool) -> None:
    """Whether or not there is such a user, for every verb, and nothing happens to it."""
    before = (await grace.http.get("/me")).json()
    user_id = grace.id if exists else str(uuid.uuid4())
    body = {"username": "mine", "roles": ["member"], "password": NEW_PASSWORD} if method == "PATCH" else None
    answer = await ada.http.request(method, f"/users/{user_id}", json=body)
    assert answer.status_code == 404
    assert answer.json()["code"] == "user_not_found"
    assert (await grace.http.get("/me")).json() == before


async def test_each_administrator_lists_the_own_tenant(ada: Person, grace: Person, door: Door) -> None:
    await door.add(ada, "alan")
    for person, names in ((ada, ["alan", "ada"]), (grace, ["grace"])):
        listed = (await person.http.get("/users")).json()["items"]
        assert [user["username"] for user in listed] == names


async def test_a_username_is_taken_in_its_tenant_only(ada: Person, grace: Person) -> None:
    """An e-mail in all of them, which is told, and not by whom."""
    body = {"username": "ada", "email": "ada@globex.example", "password": PASSWORD}
    assert (await grace.http.post("/users", json=body)).status_code == 201
    taken = await ada.http.post("/users", json={**ALAN, "username": "ADA"})
    assert (taken.status_code, taken.json()["code"]) == (409, "username_taken")
    foreign = await ada.http.post("/users", json={**ALAN, "email": "grace@globex.example"})
    assert (foreign.status_code, foreign.json()["code"]) == (409, "email_taken")
    assert "globex" not in foreign.text
    changed = await ada.http.patch(f"/users/{ada.id}", json={"email": "grace@globex.example"})
    assert (changed.status_code, changed.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize("with_member", [True, False])
async def test_the_last_administrator_stays(ada: Person, door: Door, *, with_member: bool) -> None:
    if with_member:
        await door.add(ada, "alan")
    removed = await ada.http.delete(f"/users/{ada.id}")
    demoted = await ada.http.patch(f"/users/{ada.id}", json={"roles": ["member"]})
    assert [(answer.status_code, answer.json()["code"]) for answer in (removed, demoted)] == [(409, "last_admin")] * 2
    assert (await ada.http.get("/users")).status_code == 200


async def test_an_administrator_who_is_not_the_last_may_go(ada: Person, door: Door) -> None:
    barbara = await door.add(ada, "barbara", "admin")
    assert (await ada.http.delete(f"/users/{ada.id}")).status_code == 204
    assert (await ada.http.get("/me")).status_code == 401
    assert (await barbara.http.delete(f"/users/{barbara.id}")).status_code == 409


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
async def test_administrators_who_remove_each_other_at_once_leave_one(
    ada: Person, door: Door, superuser: asyncpg.Connection, method: str
) -> None:
    """Six of them, each the next one, all at the same time: whoever comes last is refused."""
    admins = [ada, *[await door.add(ada, f"admin{number}", "admin") for number in range(5)]]
    body = {"roles": ["member"]} if method == "PATCH" else None
    answers = await asyncio.gather(
        *(
            speaker.http.request(method, f"/users/{target.id}", json=body)
            for speaker, target in zip(admins, [*admins[1:], admins[0]], strict=True)
        )
    )
    assert {answer.status_code for answer in answers} <= {200, 204, 401, 403, 404, 409}
    left = await superuser.fetchval("SELECT count(*) FROM users WHERE roles::jsonb @> '[\"admin\"]'")
    assert left >= 1


async def test_a_promotion_on_its_way_does_not_count_yet(
    ada: Person, door: Door, superuser: asyncpg.Connection
) -> None:
    """A user whose new role is not committed cannot be what lets the last administrator go."""
    alan = await door.add(ada, "alan")
    async with superuser.transaction():
        await superuser.execute("UPDATE users SET roles = '[\"admin\"]' WHERE username = 'alan'")
        assert (await ada.http.delete(f"/users/{ada.id}")).status_code == 409
    assert (await ada.http.delete(f"/users/{ada.id}")).status_code == 204
    assert (await alan.http.get("/users")).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("email", "nowhere"),
        ("password", "short"),
        ("password", "alan@acme.example"),
        ("roles", []),
        ("roles", ["king"]),
        ("roles", "admin"),
        ("roles", ["admin"] * 9),
        ("tenant_id", str(uuid.UUID(int=1))),
        ("hashed_password", "$argon2id$"),
    ],
)
async def test_what_cannot_be_accepted_is_refused(ada: Person, door: Door, field: str, value: object) -> None:
    created = await ada.http.post("/users", json={**ALAN, field: value})
    assert created.status_code == 422
    alan = await door.add(ada, "alan")
    changed = await ada.http.patch(f"/users/{alan.id}", json={field: value})
    assert changed.status_code == 422
    assert (await alan.http.get("/me")).status_code == 200
