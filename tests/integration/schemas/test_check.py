"""The check of a schema notices what it is there for: each planted fault is found, by the step that should find it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import schema_space.check
from schema_space.trial import Trials

import tenantry.service
from tenantry.postgres.objects import DatabaseObject, Grant, Policy

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
    original = tenantry.service.declared_objects
    monkeypatch.setattr(tenantry.service, "declared_objects", lambda *given: frozenset(change(original(*given))))
    with pytest.raises(Exception, match=said):
        trials.check(MODELS)


async def _tampered(deployment: Any, message: str) -> Path | None:
    path = await _make_revision(deployment, message)
    assert path is not None
    text = path.read_text()
    statement = "op.execute(\"CREATE FUNCTION left_behind() RETURNS int LANGUAGE sql AS 'SELECT 1'\")"
    path.write_text(text.replace("def upgrade() -> None:\n", f"def upgrade() -> None:\n    {statement}\n"))
    return path


_make_revision = schema_space.check.make_revision


def test_what_a_downgrade_leaves_behind_is_noticed(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_space.check, "make_revision", _tampered)
    monkeypatch.setattr(schema_space.check._Life, "agree", _agree)
    with pytest.raises(schema_space.check.Failure, match=r"after the downgrade to base:\n.*left_behind"):
        trials.check(MODELS)


async def _agree(_life: object, _when: str) -> None:
    """Say nothing, so that the next step has to notice it."""


async def _nothing(_deployment: object, _message: str) -> None:
    """Write no revision."""


def test_a_change_that_no_revision_makes_is_noticed(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    async def once(deployment: Any, message: str) -> Path | None:
        made.append(message)
        return await _make_revision(deployment, message) if message == "first" else None

    monkeypatch.setattr(schema_space.check, "make_revision", once)
    with pytest.raises(schema_space.check.Failure, match="after the migration of the change"):
        trials.check_change(MODELS, CHANGED)
    assert "second" in made


def test_a_failure_shows_the_models(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their source can become a plain test."""
    monkeypatch.setattr(schema_space.check, "make_revision", _nothing)
    with pytest.raises(schema_space.check.Failure) as caught:
        trials.check(MODELS)
    assert MODELS in caught.value.__notes__[0]
