"""The tables of the reference, each a function of the code that it describes."""  # noqa: INP001  (a script beside the pages it writes)

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import click
from alembic.operations import Operations
from markup import code, each_service, summary, table
from problems import problems, problems_of, web_problems

from tenantry import errors
from tenantry.cli.entry import tenantry
from tenantry.commands import prepare as preparation
from tenantry.commands import status as standing
from tenantry.commands import tenant as tenants
from tenantry.commands import up as serving
from tenantry.commands.doctor import verdict
from tenantry.migrations import description, revisions
from tenantry.migrations.operations import ObjectOp
from tenantry.proof.audit import GROUPS, Finding, Rule
from tenantry.proof.audit.waiver import Waived
from tenantry.proof.isolation.attack import TABLE_ATTACKS, all_attacks
from tenantry.proof.isolation.report import Breach, Limit, RoleFacts, Skip
from tenantry.proof.isolation.run import FAMILIES
from tenantry.service import Service, import_attribute
from tenantry.settings import Variable, list_variables
from tenantry.tenancy import declarations

__all__ = ["TABLES"]


def settings_of(service: Service) -> str:
    """Every variable of a service, in the order of its settings class."""
    return table(
        ("variable", "value", "default", "what it says"),
        (
            (_names(one), "secret " + one.kind if one.is_secret else one.kind, code(one.default), one.description)
            for one in list_variables(service.settings)
        ),
    )


def _names(variable: Variable) -> str:
    return ", ".join(f"`{name}`" for name in (variable.name, variable.unprefixed) if name)


def _names_of(one: Variable) -> str:
    return f"`{one.name}`" + (f", `{one.unprefixed}`" if one.unprefixed else "")


def error_tree() -> str:
    """Every error with its code, in the order of the tree."""
    return table(
        ("code", "class", "what happened"),
        ((f"`{kind.code}`", f"{'· ' * depth}`{kind.__name__}`", summary(kind)) for kind, depth in _walk_errors()),
    )


def _walk_errors(kind: type[errors.TenantryError] = errors.TenantryError, depth: int = 0) -> Iterator[Any]:
    if depth:
        yield kind, depth - 1
    for child in kind.__subclasses__():
        # The command line has two of its own, which have no place in the tree.
        if child.__module__ == errors.__name__:
            yield from _walk_errors(child, depth + 1)


def commands() -> str:
    """Every command with its usage, its help and its options, as `--help` has them."""
    context = click.Context(tenantry, info_name="tenantry")
    return "\n".join(_describe(tenantry, context)).strip() + "\n"


def _describe(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _describe_one(child, click.Context(child, info_name=name, parent=context))


def _describe_one(command: click.Command, context: click.Context) -> Iterator[str]:
    level = "#" * (len(context.command_path.split()) + 1)
    yield f"{level} {context.command_path}\n"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    records = [one.get_help_record(context) for one in command.params if isinstance(one, click.Option)]
    # --json and --service stand in every command; the page says so once.
    own = [(f"`{one[0]}`", one[1]) for one in records if one and not one[0].startswith(("--json", "--service"))]
    if own:
        yield table(("option", "what it does"), own)
    yield from _describe(command, context)


def audit_codes() -> str:
    """Every rule of the audit, a table for each hundred of codes."""
    columns = ("code", "rule", "severity", "requirement", "reason", "remedy")
    return "\n".join(f"### {title}\n\n{table(columns, map(_rule, rules))}" for title, rules in GROUPS.items())


def _rule(rule: Rule[Any]) -> tuple[str, ...]:
    return f"`{rule.code}`", f"`{rule.name}`", rule.severity, rule.requirement, rule.reason, rule.remedy


def attacks() -> str:
    """Every attack of `prove isolation`, by what it is tried on and its family; the order of imports must not show."""
    # Importing the families is what fills the catalogue.
    assert FAMILIES
    where = {
        name: "each table, in six bindings" if one.in_every_binding else "each table"
        for name, one in TABLE_ATTACKS.items()
    }
    rows = (
        (
            f"`{one.name}`",
            one.family,
            f"{one.sentence[0].upper()}{one.sentence[1:]}.",
            where.get(one.name, "the service"),
        )
        for one in sorted(all_attacks(), key=lambda one: (one.name not in TABLE_ATTACKS, one.family, one.name))
    )
    return table(("attack", "family", "the attacker tries to", "tried on"), rows)


def operations() -> str:
    """Every operation that the toolkit adds to `alembic.op`."""
    verbs = sorted(
        (kind.verb, kind) for kind in _subclasses(ObjectOp) if "verb" in vars(kind) and hasattr(Operations, kind.verb)
    )
    return table(("operation", "what it does"), (_operation(verb, kind) for verb, kind in verbs))


def _operation(verb: str, kind: type[ObjectOp]) -> tuple[str, str]:
    method = getattr(kind, verb)
    signature = inspect.signature(method)
    written = signature.replace(
        parameters=[
            parameter.replace(annotation=inspect.Parameter.empty)
            for name, parameter in signature.parameters.items()
            if name != "operations"
        ],
        return_annotation=inspect.Signature.empty,
    )
    # Alembic writes its own text over the method's docstring.
    return f"`op.{verb}{written}`", summary(kind)


def declaration_kinds() -> str:
    """What each declaration lets the application do by default."""
    kinds = (declarations.TenantScoped, declarations.TenantRoot, declarations.Shared, declarations.Global)
    rows = (
        (f"`{kind.__name__}`", "yes" if kind.__kind__.is_isolated else "no", ", ".join(kind.__privileges__))
        for kind in kinds
    )
    return table(("declaration", "row security", "the application may, unless the model says otherwise"), rows)


def tables_of(service: Service) -> str:
    """What each table of a service declares."""
    rows = []
    for one in service.metadata.sorted_tables:
        said = declarations.declaration_of(one)
        kind = "".join(word.title() for word in said.kind.value.split("_"))
        rows.append((f"`{one.name}`", f"`{kind}`", code(said.tenant_column), ", ".join(said.privileges)))
    return table(("table", "declaration", "tenant column", f"`{service.roles.application}` may"), rows)


def routes_of(service: Service) -> str:
    """Every path of a service's API."""
    app = import_attribute(service.app)
    rows = [
        (f"`{method.upper()} {service.path}{path}`", operation["summary"])
        for path, methods in app.apps[0].openapi()["paths"].items()
        for method, operation in methods.items()
        if "health" not in operation.get("tags", [])
    ]
    return table(("request", "what it does"), rows)


# What each command writes with --json: the members of its document, a list of one kind where it is in brackets.
DOCUMENTS: dict[str, dict[str, Any]] = {
    "up": {"url": str, "services": [serving.ServiceGuide]},
    "prepare": {"services": [preparation.Prepared]},
    "down": {"stopped": bool, "server": standing.ServerState},
    "status": {"server": standing.ServerState, "services": [standing.ServiceState], "warnings": str},
    "psql": {"service": str, "program": str, "address": str, "role": str, "tenant": str},
    "doctor": {"checks": [verdict.Verdict]},
    "migrate": {"services": [revisions.Move]},
    "rollback": {"services": [revisions.Move]},
    "revision": {"service": str, "path": str, "changes": [description.Change], "left_alone": str},
    "merge": {"service": str, "path": str, "changes": [description.Change], "left_alone": str},
    "history": {"revisions": [revisions.Revision]},
    "audit": {"findings": [Finding], "waived": [Waived]},
    "prove isolation": {
        **dict.fromkeys(("service", "tables", "attacks", "blocked"), str),
        "breaches": [Breach],
        "skipped": [Skip],
        "limits": [Limit],
        **dict.fromkeys(("checks", "seconds", "server", "origin"), str),
        "roles": [RoleFacts],
        "fingerprint": str,
    },
    "tenant create": {field.name: str for field in dataclasses.fields(tenants.TenantRecord)},
    "tenant list": {"tenants": [tenants.TenantRecord]},
    "tenant show": {field.name: str for field in dataclasses.fields(tenants.TenantRecord)},
}


def documents() -> str:
    """What each command writes with --json."""
    rows = ((f"`{command}`", f"`{{{_members(members)}}}`") for command, members in DOCUMENTS.items())
    return table(("command", "document"), rows)


def _members(members: dict[str, Any]) -> str:
    return ", ".join(_member(name, value) for name, value in members.items())


def _member(name: str, value: Any) -> str:
    kind, brackets = (value[0], "[{}]") if isinstance(value, list) else (value, "{}")
    if not dataclasses.is_dataclass(kind):
        return f'"{name}"'
    inner = ", ".join(_quoted(field.name) for field in dataclasses.fields(kind))
    return f'"{name}": ' + brackets.replace("{}", f"{{{inner}}}")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _subclasses(kind: type[ObjectOp]) -> Iterator[type[ObjectOp]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


TABLES: dict[str, Callable[[], str]] = {
    "settings": lambda: each_service(settings_of),
    "errors": error_tree,
    "commands": commands,
    "documents": documents,
    "audit": audit_codes,
    "attacks": attacks,
    "operations": operations,
    "declarations": declaration_kinds,
    "tables": lambda: each_service(tables_of),
    "routes": lambda: each_service(routes_of),
    "problems": problems,
    "web problems": web_problems,
    "service problems": lambda: each_service(problems_of),
}
