"""Functions, operators, languages and event triggers by what they endanger, in every schema of the database.

`objects` compares what the models declare. This looks at what runs with more rights than its caller, and at what the
planner runs before the policies, whoever made it.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Function
from tenantry.proof.audit.finding import Draft, Severity, draft
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier, qualified

__all__ = ["check_routines"]

_BY_THE_CATALOG = frozenset({"c", "internal"})


def check_routines(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the routines, operators, languages and event triggers that policies do not hold."""
    declared = {item.identity for item in snapshot.declared if isinstance(item, Function)}
    schemas = {schema for schema, _ in snapshot.tables} | {"public"}
    for row in snapshot.facts["routines"]:
        identity = ("function", row["schema"], row["name"], row["signature"])
        if row["is_definer"]:
            yield from _definer(row, is_declared=identity in declared)
        if row["is_leakproof"]:
            message = "Marked LEAKPROOF: the planner calls it for the rows of all tenants, before the policies."
            yield draft("leakproof_marked", _object(row), message, f"ALTER {_address(row)} NOT LEAKPROOF")
        if row["is_reachable"] and not row["is_trusted"]:
            message = f"{snapshot.service.roles.application} may call a function of the untrusted {row['language']}."
            yield draft("untrusted_function", _object(row), message, f"DROP {_address(row)}")
        # The vocabulary has the functions of the declared schemas, and neither procedures nor other schemas.
        is_compared = row["schema"] in schemas and not row["is_procedure"] and row["language"] not in _BY_THE_CATALOG
        if not is_compared and identity not in declared:
            yield from _undeclared(row, is_ours=row["schema"] in schemas)
    for row in snapshot.facts["leakproof_builtins"]:
        message = "The server's own function was marked LEAKPROOF, and tells of its arguments."
        remedy = f"ALTER FUNCTION {row['name']} NOT LEAKPROOF"
        yield draft("leakproof_marked", f"function {row['name']}", message, remedy)
    yield from _surroundings(snapshot)


def _definer(row: Row, *, is_declared: bool) -> Iterator[Draft]:
    thing = _object(row)
    remedy = f"ALTER {_address(row)} SET search_path = pg_catalog, pg_temp"
    severity: Severity = "error" if row["is_reachable"] or row["is_public"] else "warning"
    if row["search_path"] is None:
        message = f"Runs with the rights of {row['owner']}, and finds names by its caller's search_path."
        yield draft("definer_unpinned", thing, message, remedy, severity=severity)
    elif not is_declared and _begins_in_the_open(row["search_path"]):
        message = f"Runs with the rights of {row['owner']}, and looks for names at {row['search_path']}."
        yield draft("definer_unpinned", thing, message, remedy, severity=severity)
    if row["is_public"]:
        message = f"PUBLIC, which is every role, may run it with the rights of {row['owner']}."
        yield draft("definer_to_public", thing, message, f"REVOKE EXECUTE ON {_address(row)} FROM PUBLIC")


def _begins_in_the_open(path: str) -> bool:
    """True if temporary objects of the caller, or schemas of its name, are looked at before others.

    Where pg_temp is not named it is searched first, for tables and types (manual, CREATE FUNCTION). A declared body was
    written so that it does not matter, and is compared word for word.
    """
    names = [name.strip().strip('"').lower() for name in path.split(",")]
    return "$user" in names or names[-1] != "pg_temp" or "pg_temp" in names[:-1]


def _undeclared(row: Row, *, is_ours: bool) -> Iterator[Draft]:
    if row["is_definer"] and row["is_reachable"]:
        message = f"Nobody declares it, and the application may run it with the rights of {row['owner']}."
        yield draft("function_undeclared", _object(row), message, f"DROP {_address(row)}", severity="error")
    elif is_ours:
        yield draft("function_undeclared", _object(row), "Nobody declares it.", f"DROP {_address(row)}")


def _surroundings(snapshot: Snapshot) -> Iterator[Draft]:
    for row in snapshot.facts["operators"]:
        message = f"Nobody declares this {row['kind']}; it may be taken for the server's in a comparison."
        name = row["name"].removeprefix("(").removesuffix(")") if row["kind"] == "cast" else row["name"]
        remedy = f"DROP CAST ({name})" if row["kind"] == "cast" else f"DROP OPERATOR {_operator(name)}"
        yield draft("operator_undeclared", f"{row['kind']} {name}", message, remedy)
    for row in snapshot.facts["languages"]:
        message = "An untrusted language: its functions do what the server's own account may do."
        remedy = f"DROP LANGUAGE {identifier(row['name'])}"
        yield draft("language_untrusted", f"language {row['name']}", message, remedy)
    for row in snapshot.facts["event_triggers"]:
        is_login = row["event"] == "login"
        where = "in every session, before its first statement" if is_login else f"at {row['event']}, in migrations too"
        severity: Severity = "error" if is_login else "warning"
        remedy = f"DROP EVENT TRIGGER {identifier(row['name'])}"
        thing = f"event trigger {row['name']}"
        yield draft("event_trigger", thing, f"Its function runs {where}.", remedy, severity=severity)


def _operator(name: str) -> str:
    """Return an operator's identity as DROP takes it, where a missing side is NONE and not `-`."""
    head, _, sides = name.rpartition("(")
    listed = [side.strip() for side in sides.removesuffix(")").split(",")]
    return f"{head} ({', '.join('NONE' if side == '-' else side for side in listed)})"


def _noun(row: Row) -> str:
    return "procedure" if row["is_procedure"] else "function"


def _object(row: Row) -> str:
    return f"{_noun(row)} {'.'.join(filter(None, (row['schema'], row['name'], row['signature'])))}"


def _address(row: Row) -> str:
    return f"{_noun(row).upper()} {qualified(row['schema'], row['name'])}({row['signature']})"
