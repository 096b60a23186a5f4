"""Referential actions, such as ON DELETE SET NULL (team_id): their verb and their list of columns (PostgreSQL 15)."""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy.dialects import postgresql

__all__ = ["ReferentialAction", "parse_action"]

_SETTING = re.compile(r"\s*(SET)\s+(NULL|DEFAULT)\s*(?:\((.*)\))?\s*", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r'"((?:[^"]|"")+)"|([\w$]+)')
_QUOTE = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


class ReferentialAction(NamedTuple):
    """What happens to referring rows. Without `columns`, SET NULL and SET DEFAULT change all columns of the key."""

    verb: str
    columns: tuple[str, ...] = ()

    @property
    def is_setting(self) -> bool:
        """True for SET NULL and SET DEFAULT."""
        return self.verb.startswith("SET ")

    def __str__(self) -> str:
        """Return the action as PostgreSQL prints it, so that a declared and a found one can be compared."""
        names = ", ".join(str(_QUOTE(name)) for name in self.columns)
        return f"{self.verb} ({names})" if names else self.verb


def parse_action(text: str | None) -> ReferentialAction:
    """Return the action that `ondelete` or `onupdate` spells; NO ACTION for None."""
    match = _SETTING.fullmatch(text or "")
    if match is None:
        return ReferentialAction(" ".join((text or "NO ACTION").upper().split()))
    names = [quoted.replace('""', '"') or bare.lower() for quoted, bare in _NAME.findall(match[3] or "")]
    return ReferentialAction(f"SET {match[2].upper()}", tuple(names))
