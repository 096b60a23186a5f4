"""What an audit can find: each rule has a stable code, so that scripts and waivers can name it.

The hundreds group the codes: row security, privileges, functions and triggers, extensions and roles, tables, the
schema's revision, what is reachable besides the declared tables, the server.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

__all__ = ["RULES", "Draft", "Finding", "Rule", "Severity", "draft"]

Severity = Literal["error", "warning", "info"]


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked at; `severity` is what a breach counts as, unless the finding says otherwise."""

    code: str
    name: str
    severity: Severity
    sentence: str


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One difference between the models and the database; `remedy` is SQL wherever SQL can mend it."""

    code: str
    severity: Severity
    service: str
    object: str
    message: str
    remedy: str


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A finding before it is known for which service."""

    rule: Rule
    severity: Severity
    object: str
    message: str
    remedy: str


_RULES = (
    Rule("TN001", "rls_disabled", "error", "Row security is enabled on every table that holds tenants' rows."),
    Rule("TN002", "rls_not_forced", "error", "Row security is forced on the owner of such a table too."),
    Rule("TN003", "rls_undeclared", "warning", "No other table has row security switched on."),
    Rule("TN004", "policy_missing", "error", "Every declared policy exists."),
    Rule("TN005", "policy_altered", "error", "Every declared policy is word for word what was declared."),
    Rule("TN006", "policy_undeclared", "error", "No other policy lets rows through."),
    Rule("TN007", "partition_open", "error", "A partition of a tenant table is not reachable past its parent."),
    Rule("TN008", "partitions_differ", "error", "A table has the declared partitions, and others have none."),
    Rule("TN101", "grant_missing", "error", "Every declared privilege is granted."),
    Rule("TN102", "grant_undeclared", "error", "No other privilege is granted."),
    Rule("TN103", "grant_to_public", "error", "PUBLIC has no privilege on a table, a sequence or a column."),
    Rule("TN104", "truncate_granted", "error", "Nobody who serves requests may TRUNCATE, which ignores policies."),
    Rule("TN105", "grant_option", "error", "The application cannot hand its privileges on."),
    Rule("TN106", "schema_writable", "error", "Neither the application nor PUBLIC may create objects in the schema."),
    Rule("TN107", "schema_unusable", "error", "The service's roles may use the schema."),
    Rule("TN108", "default_privileges", "warning", "Tables to come are granted to the application by name only."),
    Rule("TN109", "owner_differs", "warning", "Every table belongs to the owner role."),
    Rule("TN201", "function_missing", "error", "Every declared function exists."),
    Rule("TN202", "function_altered", "error", "Every declared function is word for word what was declared."),
    Rule("TN203", "function_undeclared", "info", "No other function is there, least of all a SECURITY DEFINER one."),
    Rule("TN204", "trigger_missing", "error", "Every declared trigger exists."),
    Rule("TN205", "trigger_altered", "error", "Every declared trigger is what was declared."),
    Rule("TN206", "trigger_disabled", "error", "Every declared trigger fires."),
    Rule("TN207", "trigger_undeclared", "warning", "No other trigger is on a declared table."),
    Rule("TN208", "rule_undeclared", "warning", "No rewrite rule is on a declared table."),
    Rule("TN301", "extension_missing", "error", "Every declared extension is installed."),
    Rule("TN302", "extension_undeclared", "info", "No other extension is installed."),
    Rule("TN311", "role_missing", "error", "The service's three roles exist."),
    Rule("TN312", "role_superuser", "error", "None of them is a superuser."),
    Rule("TN313", "role_bypasses_rls", "error", "Row security holds the application and the owner."),
    Rule("TN314", "role_membership", "error", "The application is a member of no other role."),
    Rule("TN315", "admin_held", "error", "The admin role has BYPASSRLS: without it, it sees no row."),
    Rule("TN316", "owner_logs_in", "warning", "Nobody logs in as the owner."),
    Rule("TN317", "role_attribute", "warning", "The application may not make roles or databases, nor replicate."),
    Rule("TN318", "tenant_preset", "error", "No role and no database has the tenant's setting preset."),
    Rule("TN401", "table_missing", "error", "Every declared table exists."),
    Rule("TN402", "column_missing", "error", "Every declared column exists."),
    Rule("TN403", "column_nullability", "warning", "A column allows NULL where it is declared so, and only there."),
    Rule("TN404", "column_default", "warning", "A column's default is the declared one."),
    Rule("TN405", "tenant_index_missing", "error", "A usable index leads with the tenant column."),
    Rule("TN406", "table_undeclared", "warning", "Every table of the schema is declared by a model."),
    Rule("TN407", "column_undeclared", "warning", "Every column of a declared table is declared."),
    Rule("TN408", "column_type", "warning", "A column has the declared type."),
    Rule("TN409", "index_missing", "warning", "Every declared index exists."),
    Rule("TN410", "index_invalid", "error", "Every index is valid; a build that was killed leaves one that is not."),
    Rule("TN411", "index_altered", "warning", "Every declared index is over the declared columns."),
    Rule("TN412", "unique_undeclared", "error", "No undeclared unique key spans tenants."),
    Rule("TN413", "constraint_missing", "error", "Every declared constraint exists."),
    Rule("TN414", "constraint_altered", "error", "Every declared constraint says what was declared."),
    Rule("TN415", "constraint_unproven", "warning", "Every constraint was validated and is enforced."),
    Rule("TN416", "constraint_undeclared", "warning", "No other constraint is on a declared table."),
    Rule("TN417", "table_unlogged", "warning", "No declared table is UNLOGGED: a crash would empty it."),
    Rule("TN501", "revision_behind", "error", "The schema is at the revision that this build expects."),
    Rule("TN502", "revision_unknown", "error", "The schema's revision is one that this build knows."),
    Rule("TN601", "view_open", "error", "A view that the application can read has security_invoker."),
    Rule("TN602", "materialized_view_open", "error", "The application can read no materialized view."),
    Rule("TN603", "foreign_table_open", "error", "The application can reach no foreign table."),
    Rule("TN604", "view_undeclared", "info", "The schema holds no views that nobody declared."),
    Rule("TN503", "not_compared", "warning", "The audit's role may read the declared tables' definitions by meaning."),
    Rule("TN701", "server_outdated", "warning", "The server has the fixes of known holes in row security."),
)

RULES = {rule.name: rule for rule in _RULES}


def draft(name: str, thing: object, message: str, *remedy: str, severity: Severity | None = None) -> Draft:
    """Return a finding of the rule `name` about `thing`; the statements of the remedy are joined."""
    rule = RULES[name]
    return Draft(rule, severity or rule.severity, str(thing), message, "; ".join(remedy))
