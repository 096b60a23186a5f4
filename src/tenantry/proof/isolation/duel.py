"""One try of an attack on one table, in one stance.

Statements are templates, so that an attack reads as the SQL that it sends; the names and values of the table stand in
for its fields. What came back is judged by whose rows it tells of or changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import asyncpg

from tenantry import sql
from tenantry.postgres.connection import Connection
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of
from tenantry.proof.isolation.bout import MARKER, REFUSED, Bout
from tenantry.proof.isolation.ground import Ground, Target
from tenantry.proof.isolation.knowledge import KeyFact, Knowledge, TableFacts
from tenantry.proof.isolation.stance import Stance
from tenantry.proof.isolation.verdict import Verdict, blocked, breach, skipped

__all__ = ["VIOLATION", "Duel"]

# What the cast of a tenant raises that is none: text that is no uuid, a number out of range, text that is too long.
MALFORMED = frozenset({"22P02", "22003", "22001"})

# A constraint looks at a row only after row security has let it pass (ExecInsert and ExecUpdate check the policies
# first), so that its refusal proves that row security did not refuse.
VIOLATION = "23"

# What PL/pgSQL raises where nothing else is said.
RAISED = "P0001"


class Duel(Bout):
    """A bout about one table, in one stance; a statement is a template whose fields `fields` lists."""

    def __init__(
        self, ground: Ground, target: Target, stance: Stance, connection: Connection, knowledge: Knowledge
    ) -> None:
        super().__init__(ground, connection, knowledge)
        self.target = target
        self.stance = stance
        self.facts: TableFacts = knowledge.of(target)
        self.table = sql.qualified(target.schema, target.name)
        self._fields = self._make_fields()
        self.begin(stance.preamble)

    def _make_fields(self) -> dict[str, str]:
        column = sql.identifier(self.target.tenant_column)
        tenants = {
            name: self.facts.literal(self.target.tenant_column, getattr(self.ground, name))
            for name in ("attacker", "victim", "bystander")
        }
        return {
            "table": self.table,
            "column": column,
            "tenant": f"{column}::text AS tenant",
            "columns": ", ".join(map(sql.identifier, self.facts.writable)),
            "values": self.values(self.victim_row),
            "same": self.facts.same(self.target.tenant_column),
            "same_of_t": self.facts.same(self.target.tenant_column, "t."),
            **tenants,
        }

    @property
    def can_move(self) -> bool:
        """Whether UPDATE may give a row to another tenant, as far as the column itself goes."""
        return self.facts.columns[self.target.tenant_column].is_updatable

    @property
    def victim_row(self) -> Mapping[str, str | None]:
        """A row of the victim."""
        return self.facts.rows[self.ground.victim][0]

    @property
    def own_row(self) -> Mapping[str, str | None]:
        """A row of the attacker."""
        return self.facts.rows[self.ground.attacker][0]

    @property
    def arbiter(self) -> KeyFact | None:
        """A unique key that ON CONFLICT can name by its columns alone."""
        return next((key for key in self.facts.keys if key.columns and set(key.columns) == set(key.touched)), None)

    def values(self, row: Mapping[str, str | None], replaced: Mapping[str, str] | None = None) -> str:
        """Return a row's values for INSERT; `replaced` gives the SQL of some columns."""
        given = replaced or {}
        return ", ".join(given.get(name) or self.facts.literal(name, row[name]) for name in self.facts.writable)

    def fill(self, template: str, **more: str) -> str:
        """Return a template with the fields of this duel."""
        return template.format_map({**self._fields, **more})

    def foreign(self, tenants: Iterable[str | None]) -> list[str]:
        """Return the tenants that the attacker may not see, of those that were seen."""
        return [one for one in tenants if one is not None and not (self.stance.is_own and one == self.ground.attacker)]

    async def reads(self, template: str, **more: str) -> Verdict:
        """Judge a statement whose rows have a column `tenant`: whether it shows somebody else's."""
        try:
            rows = await self.fetch(self.fill(template, **more))
        except asyncpg.PostgresError as error:
            return self.judge(error)
        return self.judge_seen(row["tenant"] for row in rows)

    async def counts(self, template: str, **more: str) -> Verdict:
        """Judge a statement that returns one number: whether it counts more rows than the attacker has."""
        try:
            rows = await self.fetch(self.fill(template, **more))
        except asyncpg.PostgresError as error:
            return self.judge(error)
        return self.judge_count(max((row[0] or 0 for row in rows), default=0))

    async def copies(self, source: str) -> Verdict:
        """Judge a COPY of the tenant column to the client."""
        try:
            rows = await self.copy_out(self.fill(source))
        except asyncpg.PostgresError as error:
            return self.judge(error)
        return self.judge_seen(row[0] for row in rows)

    async def copies_in(self) -> Verdict:
        """Judge a COPY of the victim's row to the server, which row security refuses as not supported."""
        row = [self.victim_row[name] for name in self.facts.writable]
        try:
            status = await self.copy_in(self.fill("{table} ({columns})"), [row])
        except asyncpg.PostgresError as error:
            return blocked(f"{REFUSED} (0A000)") if sqlstate_of(error) == "0A000" else self.judge_written(error)
        return breach(f"A row of the victim was written ({status}).")

    async def leaks(self, template: str, *, also: Collection[str] = (), **more: str) -> Verdict:
        """Judge a statement that tells what it saw by an error whose text holds `{marker}`."""
        try:
            await self.execute(self.fill(template, marker=MARKER, **more))
        except asyncpg.PostgresError as error:
            if MARKER in str(error):
                return breach(f"An error told what the attacker may not see: {str(error)[:120]}")
            return self.judge(error, also=also)
        return blocked("no error told anything")

    async def reads_written(self, template: str, **more: str) -> Verdict:
        """Judge a statement that writes, and whose rows tell in a column `tenant` whose rows it wrote."""
        try:
            rows = await self.fetch(self.fill(template, **more))
        except asyncpg.PostgresError as error:
            return self.judge_written(error)
        return self.judge_seen(row["tenant"] for row in rows)

    async def writes(self, template: str, *, also: Collection[str] = (), **more: str) -> Verdict:
        """Judge a statement that writes rows of somebody else, if it writes any."""
        try:
            status = await self.execute(self.fill(template, **more))
        except asyncpg.PostgresError as error:
            return self.judge_written(error, also=also)
        count = int(status.split()[-1]) if status.split()[-1].isdigit() else 0
        return breach(f"It changed {count} rows that are not the attacker's ({status}).") if count else blocked(status)

    def judge_seen(self, tenants: Iterable[str | None]) -> Verdict:
        """Return whether rows of others were among those seen."""
        foreign = self.foreign(tenants)
        if foreign:
            return breach(f"It saw {len(foreign)} rows of {', '.join(sorted(set(foreign))[:3])}.")
        return blocked("no row of others")

    def judge_count(self, count: int) -> Verdict:
        """Return whether more rows were counted than the attacker may see."""
        own = len(self.facts.rows.get(self.ground.attacker, ())) if self.stance.is_own else 0
        return breach(f"It counted {count} rows where it may see {own}.") if count > own else blocked(f"{count} rows")

    def judge_written(self, error: BaseException, *, also: Collection[str] = ()) -> Verdict:
        """Return what an error of a statement means that tried to write a row of somebody else."""
        state = sqlstate_of(error) or ""
        if state.startswith(VIOLATION):
            return breach(f"Row security let the row pass; only {constraint_of(error) or state} refused it ({state}).")
        if state == RAISED:
            # It may have been asked before row security was, or only because that let the row pass.
            return skipped(f"a trigger or a rule of the service's own refused it, whatever row security says: {error}")
        return self.judge(error, also=also)

    def judge(self, error: BaseException, *, also: Collection[str] = ()) -> Verdict:
        """Return what an error means; in a made-up stance the tenant's cast may fail too."""
        return super().judge(error, also=also if self.stance.is_own else {*also, *MALFORMED})
