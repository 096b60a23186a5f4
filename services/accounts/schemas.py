"""What the API takes and gives. A password has a field on the way in, and none on the way out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tenantry.fastapi.fields import Email, Title, Username
from tenantry.fastapi.passwords import GivenPassword, NewPassword
from tenantry.fastapi.shapes import Body, Patch, Shape

__all__ = ["Account", "NewUser", "PasswordReplacement", "Role", "SignIn", "SignUp", "Tenant", "User", "UserPatch"]

# A list of ours and not free text: roles become the scopes of tokens that other services may trust as well.
Role = Literal["admin", "member"]
Roles = Annotated[list[Role], Field(min_length=1, max_length=8), AfterValidator(lambda roles: sorted(set(roles)))]


class SignUp(Body):
    """A new tenant and its first administrator."""

    tenant: Title = Field(examples=["Acme Corporation"])
    username: Username = Field(examples=["ada"])
    email: Email = Field(examples=["ada@acme.example"])
    password: NewPassword


class SignIn(Body):
    """Who claims to be whom."""

    email: Email = Field(examples=["ada@acme.example"])
    password: GivenPassword


class PasswordReplacement(Body):
    """The password as it is and as it shall be."""

    current_password: GivenPassword
    new_password: NewPassword


class NewUser(Body):
    """A user to be."""

    username: Username
    email: Email
    password: NewPassword
    roles: Roles = Field(default=["member"])


class UserPatch(Patch):
    """What shall change of a user; what is left out or null stays."""

    username: Username | None = None
    email: Email | None = None
    password: NewPassword | None = None
    roles: Roles | None = None


class Tenant(Shape):
    """A tenant."""

    id: uuid.UUID
    name: str
    created_at: datetime


class User(Shape):
    """A user, without the password."""

    id: uuid.UUID
    username: str
    email: str
    roles: list[str]
    created_at: datetime


class Account(Shape):
    """A user and the tenant that the user belongs to."""

    user: User
    tenant: Tenant
