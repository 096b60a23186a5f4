"""The check of a schema notices what it is there for: each planted fault is found, by the step that should find it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from schema_space.check import Failure
from schema_space.trial import Trials

from tenantry.migrations.writing import Written, make_revision
from tenantry.postgres.objects import DatabaseObject, Grant, Policy
from tenantry.tenancy.objects import declared_objects

MODELS = """
from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import TenantBase, TenantScoped


class Base(TenantBase, DeclarativeBase):
    pass


class Note(TenantScoped, Base):
    __tablename__ = "notes"
    __table_args__ = (sa.PrimaryKeyConstraint("tenant_id", "id"),)
    tenant_id: Mapped[str]
    id: Mapped[int] = mapped_column(autoincrement=True)
    text: Mapped[str]
"""
CHANGED = MODELS.replace("text: Mapped[str]", "text: Mapped[str]\n    author: Mapped[str | None]")

Objects = Iterable[DatabaseObject]

NOTHING = Written("schema_space", None)


def without_sequences(objects: Objects) -> Objects:
    return [item for item in objects if not (isinstance(item, Grant) and item.kind == "SEQUENCE")]


def without_deletion(objects: Objects) -> Objects:
    for item in objects:
        if isinstance(item, Grant) and item.kind == "TABLE" and item.role.endswith("_app"):
            yield dataclasses.replace(item, privileges=tuple(one for one in item.privileges if one != "DELETE"))
        else:
            yield item


def with_open_policies(objects: Objects) -> Objects:
    for item in objects:
        yield dataclasses.replace(item, using="true", check="true") if isinstance(item, Policy) else item


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_sequences, "permission denied for sequence"),
        (without_deletion, "permission denied for table notes"),
        (with_open_policies, "sees rows of another|policy"),
    ],
)
def test_objects_that_are_not_right_are_noticed(
    change: Callable[[Objects], Objects], said: str, trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenantry.service.declared_objects", lambda *given: frozenset(change(declared_objects(*given))))
    with pytest.raises(Exception, match=said):
        trials.check(MODELS)


async def _tampered(deployment: Any, message: str) -> Written:
    written = await make_revision(deployment, message)
    path = written.path
    assert path is not None
    text = path.read_text()
    statement = "op.execute(\"CREATE FUNCTION left_behind() RETURNS int LANGUAGE sql AS 'SELECT 1'\")"
    path.write_text(text.replace("def upgrade() -> None:\n", f"def upgrade() -> None:\n    {statement}\n"))
    return written


def test_what_a_downgrade_leaves_behind_is_noticed(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schema_space.check.make_revision", _tampered)
    monkeypatch.setattr("schema_space.check._Life.agree", _agree)
    with pytest.raises(Failure, match=r"after the downgrade to base:\n.*left_behind"):
        trials.check(MODELS)


async def _agree(_life: object, _when: str) -> None:
    """Say nothing, so that the next step has to notice it."""


async def _nothing(_deployment: object, _message: str) -> Written:
    """Write no revision."""
    return NOTHING


def test_a_change_that_no_revision_makes_is_noticed(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    async def once(deployment: Any, message: str) -> Written:
        made.append(message)
        return await make_revision(deployment, message) if message == "first" else NOTHING

    monkeypatch.setattr("schema_space.check.make_revision", once)
    with pytest.raises(Failure, match="after the migration of the change"):
        trials.check_change(MODELS, CHANGED)
    assert "second" in made


def test_a_failure_shows_the_models(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their source can become a plain test."""
    monkeypatch.setattr("schema_space.check.make_revision", _nothing)
    with pytest.raises(Failure) as caught:
        trials.check(MODELS)
    assert MODELS in caught.value.__notes__[0]
