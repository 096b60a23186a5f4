"""Bodies of requests and responses. Requests have a field for a password, responses do not."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from accounts.passwords import GivenPassword, NewPassword
from tenantry.fastapi import Patch, RequestBody, ResponseBody, fields

__all__ = ["Account", "NewUser", "PasswordReplacement", "Role", "SignIn", "SignUp", "Tenant", "User", "UserPatch"]

# A fixed list and not free text: roles become scopes of tokens, and other services may trust these tokens.
Role = Literal["admin", "member"]
Roles = Annotated[list[Role], Field(min_length=1, max_length=8), AfterValidator(lambda roles: sorted(set(roles)))]


class SignUp(RequestBody):
    """A new tenant and its first administrator."""

    tenant: fields.Title = Field(examples=["Acme Corporation"])
    username: fields.Username = Field(examples=["ada"])
    email: fields.Email = Field(examples=["ada@acme.example"])
    password: NewPassword


class SignIn(RequestBody):
    """An e-mail address and a password."""

    email: fields.Email = Field(examples=["ada@acme.example"])
    password: GivenPassword


class PasswordReplacement(RequestBody):
    """The current password and the new one."""

    current_password: GivenPassword
    new_password: NewPassword


class NewUser(RequestBody):
    """A new user."""

    username: fields.Username
    email: fields.Email
    password: NewPassword
    roles: Roles = Field(default=["member"])


class UserPatch(Patch):
    """Changes of a user; a field that is missing or null stays as it is."""

    username: fields.Username | None = None
    email: fields.Email | None = None
    password: NewPassword | None = None
    roles: Roles | None = None


class Tenant(ResponseBody):
    """A tenant."""

    id: uuid.UUID
    name: str
    created_at: datetime


class User(ResponseBody):
    """A user, without the password."""

    id: uuid.UUID
    username: str
    email: str
    roles: list[str]
    created_at: datetime


class Account(ResponseBody):
    """A user with the user's tenant."""

    user: User
    tenant: Tenant
