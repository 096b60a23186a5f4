"""How the attacker's transaction is bound: to its own tenant, to no tenant, or to a made-up one."""

from __future__ import annotations

import dataclasses

from tenantry import sql

__all__ = ["OWN", "Binding", "make_bindings"]

OWN = "own"

# The length of a very long tenant: longer than any buffer or column for a name, and still sent in a millisecond.
LONG = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """One value of the tenant's setting; `preamble` is the statement that sets it in the transaction, or ''.

    In every binding but `own` the attacker must not see a row of any tenant.
    """

    name: str
    preamble: str = dataclasses.field(repr=False)

    @property
    def is_own(self) -> bool:
        """Whether the attacker may see the rows of its own tenant."""
        return self.name == OWN


def make_bindings(own: str, setting: str, victim: str, *, is_text: bool) -> tuple[Binding, ...]:
    """Return the six bindings.

    `own` is the statement that binds the attacker's tenant. The others set `setting` to a value that is made from the
    victim's name and belongs to no tenant. Where tenants are texts, the malformed one differs by an invisible
    character; otherwise it is no number or UUID.
    """
    # A zero-width space after the name: trim() keeps it, and many collations ignore it.
    malformed = f"{victim}\N{ZERO WIDTH SPACE}" if is_text else f"{victim[:-1]}x"

    def bind(value: str) -> str:
        return f"SET LOCAL {setting} = {sql.literal(value).lstrip()}"

    return (
        Binding(OWN, own),
        Binding("none", ""),
        Binding("empty", bind("")),
        Binding("malformed", bind(malformed)),
        Binding("long", bind(victim.ljust(LONG, "x"))),
        Binding("quoted", bind(f"{victim}' OR 'x'='x")),
    )
