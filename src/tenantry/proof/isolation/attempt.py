"""One attempt of an attack: on one table, in one binding.

Statements are templates, so that an attack reads like the SQL that it sends. `fill` replaces their fields with names
and values of the table. An answer is judged by whose rows it shows or changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import asyncpg

from tenantry import sql
from tenantry.postgres.connection import Connection
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of
from tenantry.proof.isolation.attacker_facts import DatabaseFacts, KeyFact, TableFacts
from tenantry.proof.isolation.binding import Binding
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable
from tenantry.proof.isolation.session import MARKER, REFUSED, AttackSession
from tenantry.proof.isolation.verdict import Verdict, blocked, breach, skipped

__all__ = ["VIOLATION", "Attempt"]

# The cast of a malformed tenant raises these: text that is no uuid, a number out of range, text that is too long.
MALFORMED = frozenset({"22P02", "22003", "22001"})

# PostgreSQL checks a constraint only after row security accepted the row (ExecInsert and ExecUpdate check the policies
# first). So a constraint's refusal proves that row security did not refuse.
VIOLATION = "23"

# The default SQLSTATE of RAISE EXCEPTION in PL/pgSQL.
RAISED = "P0001"


class Attempt(AttackSession):
    """A session in one binding, with the statements and judgements that an attack on one table needs."""

    def __init__(
        self,
        attacked: AttackedDatabase,
        target: AttackedTable,
        binding: Binding,
        connection: Connection,
        known: DatabaseFacts,
    ) -> None:
        super().__init__(attacked, connection, known)
        self.target = target
        self.binding = binding
        self.facts: TableFacts = known.table(target)
        self.table = sql.qualified(target.schema, target.name)
        self._fields = self._make_fields()
        self.begin(binding.preamble)

    def _make_fields(self) -> dict[str, str]:
        column = sql.identifier(self.target.tenant_column)
        tenants = {
            name: self.facts.literal(self.target.tenant_column, getattr(self.attacked, name))
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
        """Whether the tenant column is one that UPDATE may set."""
        return self.facts.columns[self.target.tenant_column].is_updatable

    @property
    def victim_row(self) -> Mapping[str, str | None]:
        """A row of the victim."""
        return self.facts.rows[self.attacked.victim][0]

    @property
    def own_row(self) -> Mapping[str, str | None]:
        """A row of the attacker."""
        return self.facts.rows[self.attacked.attacker][0]

    @property
    def arbiter(self) -> KeyFact | None:
        """A unique key that ON CONFLICT can name by its columns; None if the table has no such key."""
        return next((key for key in self.facts.keys if key.columns and set(key.columns) == set(key.touched)), None)

    def values(self, row: Mapping[str, str | None], replaced: Mapping[str, str] | None = None) -> str:
        """Return a row's values for INSERT. `replaced` gives the SQL of some columns."""
        given = replaced or {}
        return ", ".join(given.get(name) or self.facts.literal(name, row[name]) for name in self.facts.writable)

    def fill(self, template: str, **more: str) -> str:
        """Return a template with its fields filled in."""
        return template.format_map({**self._fields, **more})

    def foreign(self, tenants: Iterable[str | None]) -> list[str]:
        """Return those of the seen tenants that the attacker must not see."""
        return [
            one for one in tenants if one is not None and not (self.binding.is_own and one == self.attacked.attacker)
        ]

    async def reads(self, template: str, **more: str) -> Verdict:
        """Judge a statement whose rows have a column `tenant`: another tenant's row is a breach."""
        try:
            rows = await self.fetch(self.fill(template, **more))
        except asyncpg.PostgresError as error:
            return self.judge(error)
        return self.judge_seen(row["tenant"] for row in rows)

    async def counts(self, template: str, **more: str) -> Verdict:
        """Judge a statement that returns one number: more rows than the attacker has are a breach."""
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
        """Judge a COPY of the victim's row to the server. Row security refuses it as not supported."""
        row = [self.victim_row[name] for name in self.facts.writable]
        try:
            status = await self.copy_in(self.fill("{table} ({columns})"), [row])
        except asyncpg.PostgresError as error:
            return blocked(f"{REFUSED} (0A000)") if sqlstate_of(error) == "0A000" else self.judge_written(error)
        return breach(f"A row of the victim was written ({status}).")

    async def leaks(self, template: str, *, also: Collection[str] = (), **more: str) -> Verdict:
        """Judge a statement that shows what it saw in the text of an error, after `{marker}`."""
        try:
            await self.execute(self.fill(template, marker=MARKER, **more))
        except asyncpg.PostgresError as error:
            if MARKER in str(error):
                return breach(f"An error showed what the attacker must not see: {str(error)[:120]}")
            return self.judge(error, also=also)
        return blocked("no error showed a value")

    async def reads_written(self, template: str, **more: str) -> Verdict:
        """Judge a statement that writes and returns, in a column `tenant`, whose rows it wrote."""
        try:
            rows = await self.fetch(self.fill(template, **more))
        except asyncpg.PostgresError as error:
            return self.judge_written(error)
        return self.judge_seen(row["tenant"] for row in rows)

    async def writes(self, template: str, *, also: Collection[str] = (), **more: str) -> Verdict:
        """Judge a statement that can only write rows of other tenants."""
        try:
            status = await self.execute(self.fill(template, **more))
        except asyncpg.PostgresError as error:
            return self.judge_written(error, also=also)
        count = int(status.split()[-1]) if status.split()[-1].isdigit() else 0
        return breach(f"It changed {count} rows that are not the attacker's ({status}).") if count else blocked(status)

    def judge_seen(self, tenants: Iterable[str | None]) -> Verdict:
        """Return the verdict on rows that were seen, by their tenants."""
        foreign = self.foreign(tenants)
        if foreign:
            return breach(f"It saw {len(foreign)} rows of {', '.join(sorted(set(foreign))[:3])}.")
        return blocked("no row of others")

    def judge_count(self, count: int) -> Verdict:
        """Return the verdict on a number of rows."""
        own = len(self.facts.rows.get(self.attacked.attacker, ())) if self.binding.is_own else 0
        return breach(f"It counted {count} rows where it may see {own}.") if count > own else blocked(f"{count} rows")

    def judge_written(self, error: BaseException, *, also: Collection[str] = ()) -> Verdict:
        """Return the verdict of an error, raised by a statement that tried to write a row of another tenant."""
        state = sqlstate_of(error) or ""
        if state.startswith(VIOLATION):
            return breach(f"Row security accepted the row; only {constraint_of(error) or state} refused it ({state}).")
        if state == RAISED:
            # The trigger may have run before row security, or only because row security accepted the row.
            return skipped(
                f"a trigger or a rule of the service refused it, so row security may not have been asked: {error}"
            )
        return self.judge(error, also=also)

    def judge(self, error: BaseException, *, also: Collection[str] = ()) -> Verdict:
        """Return the verdict of an error. In a made-up binding the cast of the tenant may fail too."""
        return super().judge(error, also=also if self.binding.is_own else {*also, *MALFORMED})
