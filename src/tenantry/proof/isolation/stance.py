"""How the attacker's transaction stands towards the tenant's setting: in its own tenant, in none, in a made-up one."""

from __future__ import annotations

import dataclasses

from tenantry import sql

__all__ = ["OWN", "Stance", "make_stances"]

OWN = "own"

# The characters of a very long tenant: longer than any buffer or column for a name, and still sent in a millisecond.
LONG = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class Stance:
    """One binding; `preamble` is the statement that makes it inside the transaction, '' for none.

    In every stance but `own` not a single row of a tenant may be seen.
    """

    name: str
    preamble: str = dataclasses.field(repr=False)

    @property
    def is_own(self) -> bool:
        """Whether rows of the attacker's own tenant may be seen."""
        return self.name == OWN


def make_stances(own: str, setting: str, victim: str, *, is_text: bool) -> tuple[Stance, ...]:
    """Return the six stances.

    `own` is the statement that binds the attacker's tenant; the others set `setting` to what is made of the victim's
    name, and is nobody's: where tenants are texts one that differs in what the eye passes over, else one that is no
    number or UUID.
    """
    # A zero-width space behind the name, which trim() leaves alone and many a collation ignores.
    malformed = f"{victim}\N{ZERO WIDTH SPACE}" if is_text else f"{victim[:-1]}x"

    def bind(value: str) -> str:
        return f"SET LOCAL {setting} = {sql.literal(value).lstrip()}"

    return (
        Stance(OWN, own),
        Stance("none", ""),
        Stance("empty", bind("")),
        Stance("malformed", bind(malformed)),
        Stance("long", bind(victim.ljust(LONG, "x"))),
        Stance("quoted", bind(f"{victim}' OR 'x'='x")),
    )
