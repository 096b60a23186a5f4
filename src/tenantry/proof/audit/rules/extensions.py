"""Extensions, languages and operators: what they add to a database is code that the models do not declare."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Extension
from tenantry.proof.audit.dangerous import DANGEROUS_EXTENSIONS
from tenantry.proof.audit.differences import missing, undeclared
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import identifier

# DROP EXTENSION deletes the extension's own tables, such as the jobs of pg_cron.
_MAY_DROP = "If the extension's own objects and their rows may be lost:"


@rule(
    "TN215",
    "warning",
    reason="PostgreSQL prefers an operator for exactly the compared types to its own: `tenant_id = 'a'` may then mean "
    "something else.",
    remedy="Drop it, or move it to a schema that is on no search path.",
)
def operator_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """There is no operator and no cast besides those of the server and of extensions."""
    for row in snapshot.facts["operators"]:
        message = f"No model declares this {row['kind']}. PostgreSQL may use it in a comparison instead of its own."
        name = row["name"].removeprefix("(").removesuffix(")") if row["kind"] == "cast" else row["name"]
        remedy = f"DROP CAST ({name})" if row["kind"] == "cast" else f"DROP OPERATOR {_operator(name)}"
        yield violation(f"{row['kind']} {name}", message, remedy)


@rule(
    "TN301",
    "error",
    reason="Types or functions that the models need do not exist.",
    remedy="Create the extension.",
)
def extension_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared extension is installed."""
    for item in missing(snapshot, Extension):
        yield violation(item, f"The {item} is declared and does not exist.", *item.create())


@rule(
    "TN302",
    "info",
    reason="Its functions are code that the service's team has not reviewed, and PUBLIC may call most of them.",
    remedy="Add the extension to the service's `extensions`. Drop it only if its own objects and their rows may be "
    "lost.",
)
def extension_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """No undeclared extension is installed."""
    for item in undeclared(snapshot, Extension):
        if item.name not in DANGEROUS_EXTENSIONS:
            remedy = f"Add it to the service's `extensions`. {_MAY_DROP} {item.drop()[0]}"
            yield violation(item, f"The {item} is installed, and the service does not declare it.", remedy)


@rule(
    "TN303",
    "error",
    reason="`dblink` and `postgres_fdw` can log in again, perhaps as a superuser. Other extensions read files or "
    "pages, or add untrusted languages.",
    remedy="Revoke EXECUTE on its functions, or drop the extension if its own objects and their rows may be lost. A "
    "declared extension is a warning.",
)
def extension_dangerous(snapshot: Snapshot) -> Iterator[Violation]:
    """No extension is installed that can leave the database or bypass its policies."""
    remedy = "Revoke EXECUTE on its functions from PUBLIC."
    for item in snapshot.declared:
        if isinstance(item, Extension) and item.name in DANGEROUS_EXTENSIONS:
            message = f"The {item} {DANGEROUS_EXTENSIONS[item.name]}."
            yield violation(item, message, f"{remedy} {_MAY_DROP} {item.drop()[0]}", severity="warning")
    for item in undeclared(snapshot, Extension):
        if item.name in DANGEROUS_EXTENSIONS:
            message = f"The {item} {DANGEROUS_EXTENSIONS[item.name]}, and the service does not declare it."
            yield violation(item, message, f"{remedy} {_MAY_DROP} {item.drop()[0]}")


@rule(
    "TN304",
    "error",
    reason="Its functions have all rights of the server's operating system account.",
    remedy="Drop the language, or the extension that added it.",
)
def language_untrusted(snapshot: Snapshot) -> Iterator[Violation]:
    """No untrusted language is installed."""
    for row in snapshot.facts["languages"]:
        message = "The language is untrusted: its functions have all rights of the server's operating system account."
        yield violation(f"language {row['name']}", message, f"DROP LANGUAGE {identifier(row['name'])}")


def _operator(name: str) -> str:
    """Return an operator's identity as DROP expects it, with `NONE` instead of `-` for a missing side."""
    head, _, sides = name.rpartition("(")
    listed = (side.strip() for side in sides.removesuffix(")").split(","))
    named = ["NONE" if side == "-" else side for side in listed]
    return f"{head} ({', '.join(named)})"
