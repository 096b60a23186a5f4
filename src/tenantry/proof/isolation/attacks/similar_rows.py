"""New rows that are similar to existing ones, so that nothing but the tested reference or key refuses them.

A table's checks accepted the values of an existing row, so a new row is made from it. The new row keeps the references
of its own tenant's rows, and gets new values only where a unique key would refuse it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tenantry.proof.isolation.attacker_facts import KeyFact, Row
from tenantry.proof.isolation.attempt import Attempt

__all__ = ["INSERT", "UNFIT", "made_up_value", "similar_rows"]

# Classes of SQLSTATEs that mean that the table does not accept the row: a check, a key, a length, a format.
UNFIT = ("22", "23")

INSERT = "SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({row})"


def similar_rows(attempt: Attempt, tenant: str, fixed: Mapping[str, str], like: Row | None = None) -> Iterator[str]:
    """Yield the values of new rows of a tenant. Those that the table most likely accepts come first.

    The columns `fixed` have the given SQL. The others have the values of the row `like`, by default the first row of
    the other tenant.
    """
    attacked, facts = attempt.attacked, attempt.facts
    other_tenant = attacked.victim if tenant == attacked.attacker else attacked.attacker
    own, other = facts.rows[tenant][0], like or facts.rows[other_tenant][0]
    kept = {name: facts.literal(name, own[name]) for fact in facts.references for name in fact.columns}
    kept[attempt.target.tenant_column] = facts.literal(attempt.target.tenant_column, tenant)
    # A key that includes the tenant has room for the values of another tenant's row, unless both count from one.
    shared = [key for key in facts.keys if attempt.target.tenant_column not in key.columns]
    for row, keys in ((other, shared), (own, facts.keys), (other, facts.keys)):
        yield attempt.values(row, {**_renewed(attempt, keys), **kept, **fixed})


def made_up_value(kind: str) -> str | None:
    """Return SQL for a value that no row has; None for other types."""
    if kind == "uuid":
        return "gen_random_uuid()"
    if kind.startswith(("character varying", "text")):
        # The cast cuts the text to the length of the column.
        return f"md5(random()::text)::{kind}"
    if kind in {"integer", "bigint"}:
        return "(1000000000 + random() * 1000000000)::integer"
    return "(20000 + random() * 10000)::smallint" if kind == "smallint" else None


def _renewed(attempt: Attempt, keys: Iterable[KeyFact]) -> dict[str, str]:
    columns = {name: made_up_value(attempt.facts.columns[name].type) for key in keys for name in key.touched}
    return {name: value for name, value in columns.items() if value is not None}
