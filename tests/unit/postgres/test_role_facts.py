"""Which role may serve, and what is weaker than it could be."""

from __future__ import annotations

import pytest

from tenantry import errors
from tenantry.postgres.roles import RoleFacts, Roles, check_safe

ROLES = Roles("owner", "app", "admin")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (RoleFacts("postgres", "postgres", superuser=True), "superuser"),
        (RoleFacts("admin", "admin", bypass_rls=True), "BYPASSRLS"),
        (RoleFacts("owner", "owner"), "owner owner"),
        (RoleFacts("app", "app", inherits=("owner",)), "owner owner"),
        (RoleFacts("app", "app", owns=("public.items",)), "public.items"),
    ],
)
def test_who_could_step_over_row_security_is_refused(facts: RoleFacts, why: str) -> None:
    with pytest.raises(errors.UnsafeRole, match=why) as refused:
        check_safe(facts, ROLES)
    assert "Log in as app" in refused.value.remedy


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (RoleFacts("app", "postgres", login_superuser=True), "is a superuser"),
        (RoleFacts("app", "login", login_bypass_rls=True), "has BYPASSRLS"),
        (RoleFacts("app", "owner"), "is the owner"),
        (RoleFacts("app", "login", can_become=("owner", "app")), "SET ROLE to owner"),
        (RoleFacts("app", "login", can_become=("admin",), can_bypass=("admin",)), "SET ROLE to admin"),
        (RoleFacts("app", "login", login_create_role=True), "CREATEROLE"),
    ],
)
def test_what_is_weaker_is_said_in_a_sentence(facts: RoleFacts, says: str) -> None:
    (weakness,) = check_safe(facts, ROLES)
    assert says in weakness
    assert weakness.endswith(".")


def test_a_role_that_is_only_itself_is_safe_and_not_weak() -> None:
    assert check_safe(RoleFacts("app", "app"), ROLES) == ()
    assert check_safe(RoleFacts("app", "login", can_become=("app",)), ROLES) == ()


def test_the_three_roles_must_be_three() -> None:
    """One role with the rights of two could step over row security."""
    with pytest.raises(errors.DeclarationError, match="not three different names"):
        Roles("one", "one", "two")


def test_a_row_of_either_driver_makes_facts() -> None:
    assert RoleFacts.from_row({"name": "a", "login_name": "b", "owns": ["x"]}) == RoleFacts("a", "b", owns=("x",))
