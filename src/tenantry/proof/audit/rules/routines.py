"""Functions and procedures: the declared ones are as declared, and no other one bypasses the policies.

Declared functions are compared in the declared schemas. Functions with more rights than their caller, and those that
the planner may call before the policies, are checked in every schema of the database.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import PUBLIC, Function
from tenantry.proof.audit.differences import altered, describe_difference, missing, undeclared
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import DEFAULT_SCHEMA, Row, Snapshot
from tenantry.sql import identifier, qualified

# Languages whose functions the declared objects do not include.
_NOT_READ = frozenset({"c", "internal"})


@rule(
    "TN201",
    "error",
    reason="A lookup or a trigger that needs the function fails.",
    remedy="Create the function as the models declare it.",
)
def function_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared function exists."""
    for item in missing(snapshot, Function):
        yield violation(item, f"The {item} is declared and does not exist.", *item.create())


@rule(
    "TN202",
    "error",
    reason="A lookup that returns more than a tenant and a key, or that more roles may call, reads rows that the "
    "policies hide.",
    remedy="Replace the function by the declared one.",
)
def function_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared function is exactly as declared."""
    for item, found in altered(snapshot, Function):
        # A function that triggers call cannot be dropped, only replaced, and CREATE OR REPLACE keeps its privileges.
        extra = [
            f"REVOKE EXECUTE ON FUNCTION {item.address} FROM {identifier(role)}"
            for role in sorted({*found.execute} - {*item.execute, PUBLIC})
        ]
        message = f"The {item} was altered: {describe_difference(item, found)}."
        yield violation(item, message, *item.create(), *extra)


@rule(
    "TN203",
    "info",
    reason="A SECURITY DEFINER function that the application may call, which is an error, reads and writes with its "
    "owner's rights, so the application's policies do not apply.",
    remedy="Declare the function, make it SECURITY INVOKER, or drop it.",
)
def function_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """There is no undeclared function, above all no SECURITY DEFINER function."""
    for item in undeclared(snapshot, Function):
        reached = {PUBLIC, snapshot.service.roles.application} & {*item.execute}
        if item.security_definer and reached:
            message = (
                f"No model declares the {item}. It runs with its owner's rights, and {' and '.join(sorted(reached))} "
                "may call it."
            )
            yield violation(item, message, *item.drop(), severity="error")
        else:
            yield violation(item, f"No model declares the {item}.", *item.drop())
    declared = _declared(snapshot)
    for row in snapshot.facts["routines"]:
        is_ours = row["schema"] in {DEFAULT_SCHEMA, *snapshot.schemas}
        # `undeclared` knows the functions of the declared schemas, and neither procedures nor other schemas.
        is_known = is_ours and not row["is_procedure"] and row["language"] not in _NOT_READ
        if is_known or _identity(row) in declared:
            continue
        if row["is_definer"] and row["is_reachable"]:
            message = f"No model declares it, and the application may run it with the rights of {row['owner']}."
            yield violation(_object(row), message, f"DROP {_address(row)}", severity="error")
        elif is_ours:
            yield violation(_object(row), "No model declares it.", f"DROP {_address(row)}")


@rule(
    "TN209",
    "warning",
    reason="Otherwise the caller chooses the path, or creates temporary tables and types, which PostgreSQL finds first "
    "unless the path names `pg_temp`. The function uses them with its owner's rights.",
    remedy="Set `search_path` on the function, with `pg_temp` at the end.",
)
def definer_unpinned(snapshot: Snapshot) -> Iterator[Violation]:
    """Every SECURITY DEFINER function sets its `search_path`, which ends in `pg_temp` unless Tenantry wrote it."""
    own = {item.identity for item in snapshot.service.objects}
    generated = _declared(snapshot) - own
    for row in snapshot.facts["routines"]:
        if not row["is_definer"]:
            continue
        path, start = row["search_path"], f"It runs with the rights of {row['owner']}, and finds names by"
        if path is None:
            message = f"{start} its caller's search_path."
        elif _identity(row) not in generated and _begins_in_the_open(path):
            message = f"{start} the search_path {path}."
        else:
            continue
        remedy = f"ALTER {_address(row)} SET search_path = pg_catalog, pg_temp"
        severity: Severity = "error" if row["is_reachable"] or row["is_public"] else "warning"
        yield violation(_object(row), message, remedy, severity=severity)


@rule(
    "TN210",
    "error",
    reason="Every role of the cluster can run the function with its owner's rights.",
    remedy="Revoke EXECUTE from PUBLIC, which has it on every new function, and grant it by name.",
)
def definer_to_public(snapshot: Snapshot) -> Iterator[Violation]:
    """PUBLIC may call no SECURITY DEFINER function."""
    for row in snapshot.facts["routines"]:
        if row["is_definer"] and row["is_public"]:
            message = f"PUBLIC, which is every role, may run it with the rights of {row['owner']}."
            yield violation(_object(row), message, f"REVOKE EXECUTE ON {_address(row)} FROM PUBLIC")


@rule(
    "TN211",
    "error",
    reason="The planner may call a leakproof function before the policies; its errors and its time then reveal values "
    "of all tenants.",
    remedy="Mark the function NOT LEAKPROOF.",
)
def leakproof_marked(snapshot: Snapshot) -> Iterator[Violation]:
    """No function is LEAKPROOF that is not LEAKPROOF on a new server."""
    for row in snapshot.facts["routines"]:
        if row["is_leakproof"]:
            message = "The function is LEAKPROOF: the planner may call it for rows of all tenants, before the policies."
            yield violation(_object(row), message, f"ALTER {_address(row)} NOT LEAKPROOF")
    for row in snapshot.facts["leakproof_builtins"]:
        message = "The server's own function was marked LEAKPROOF, but reveals its arguments."
        yield violation(f"function {row['name']}", message, f"ALTER FUNCTION {row['name']} NOT LEAKPROOF")


@rule(
    "TN212",
    "error",
    reason="Such a function has all rights of the server's operating system account: it can read the files with the "
    "rows.",
    remedy="Revoke EXECUTE, or drop the function.",
)
def untrusted_function(snapshot: Snapshot) -> Iterator[Violation]:
    """The application may call no function of an untrusted language, except the functions of extensions."""
    for row in snapshot.facts["routines"]:
        if row["is_reachable"] and not row["is_trusted"]:
            application = snapshot.service.roles.application
            message = f"{application} may call this function of the untrusted language {row['language']}."
            yield violation(_object(row), message, f"DROP {_address(row)}")


def _begins_in_the_open(path: str) -> bool:
    """Return True if PostgreSQL searches the caller's temporary objects, or a schema of its name, before others.

    A path that does not name pg_temp searches it first for tables and types (manual, CREATE FUNCTION). The bodies that
    Tenantry writes are such that this does not matter, and are compared exactly.
    """
    names = [name.strip().strip('"').lower() for name in path.split(",")]
    return "$user" in names or names[-1] != "pg_temp" or "pg_temp" in names[:-1]


def _declared(snapshot: Snapshot) -> set[tuple[str, ...]]:
    return {item.identity for item in snapshot.declared if isinstance(item, Function)}


def _identity(row: Row) -> tuple[str, ...]:
    return ("function", row["schema"], row["name"], row["signature"])


def _noun(row: Row) -> str:
    return "procedure" if row["is_procedure"] else "function"


def _object(row: Row) -> str:
    return f"{_noun(row)} {'.'.join(filter(None, (row['schema'], row['name'], row['signature'])))}"


def _address(row: Row) -> str:
    return f"{_noun(row).upper()} {qualified(row['schema'], row['name'])}({row['signature']})"
