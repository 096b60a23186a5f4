"""Every error of the source says what happened in a sentence, and how to fix it.

The texts are read from the source, so that an error counts even if no test raises it. Where a text is a variable, its
assignments are read; where it is a parameter, the arguments of the function's callers. The verdicts of `doctor` and the
tables of `diagnosis` follow the same rules.
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from documents import ROOT

from tenantry import errors
from tenantry.postgres import diagnosis

pytestmark = pytest.mark.docs

CLASSES = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
SOURCES = [path for folder in ("src/tenantry", "services") for path in sorted((ROOT / folder).rglob("*.py"))]

# Stands in a text for a value that is known only when the error is raised.
VALUE = "\ufffc"

# How many variables and parameters a text may come through.
DEEPEST = 4

# The classes whose errors need no remedy, each with the reason.
WITHOUT_REMEDY: dict[str, str] = {}

# Names in an error that look like a secret, each with the reason why they are none.
NOT_SECRET = {
    ("src/tenantry/commands/doctor/project.py", "secrets"): "the path of a file",
    ("src/tenantry/secrets/aws.py", "secret"): "the name or ARN of a secret in AWS, not its value",
    ("src/tenantry/fastapi/tokens.py", "secret"): "the name of a variable",
    ("src/tenantry/fastapi/tokens.py", "url"): "the name of a variable",
}
SECRET = re.compile(r"password|secret|(?:^|_)url$|token$|get_secret_value", re.IGNORECASE)

VERBS = frozenset(
    """
    Add Check Choose Compare Correct Create Declare Define Enclose Encode Find Free Generate Get Give Grant Install Keep
    Have Let List Load Log Lower Make Map Mark Merge Migrate Mount Move Open Override Pass Raise Remove Repeat Restore
    Return Run Set Show Start Stop Update Use Wait Write
    """.split()  # noqa: SIM905  # one word beside the other is easier to read
)
SQL = frozenset({"ALTER", "CREATE", "GRANT", "SELECT"})
HARMFUL = re.compile(
    r"weaker|sslmode=(?:disable|allow|prefer)|without TLS|\bDROP\b|NOFORCE|DISABLE ROW|delete the data|remove the data|"
    r"remove it\b(?! to use the embedded server)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Module:
    """A module of the source, with the functions that its nodes are in."""

    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @functools.cached_property
    def functions(self) -> dict[int, ast.FunctionDef | ast.AsyncFunctionDef]:
        """The innermost function around each node, by the node's identity."""
        found = {}
        for function in ast.walk(self.tree):  # Outer functions come first, so that inner ones replace them.
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                found.update({id(node): function for node in ast.walk(function) if node is not function})
        return found


@functools.cache
def modules() -> tuple[Module, ...]:
    return tuple(Module(path, ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES)


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def texts(node: ast.expr | None, module: Module, depth: int = 0) -> list[str]:
    """Return the texts that an expression may have; VALUE stands for a part that the source does not show."""
    found: list[str] = []
    match node:
        case ast.Constant(value=str(text)):
            found = [text]
        case ast.JoinedStr(values=parts):
            found = joined([texts(part, module, depth) for part in parts])
        case ast.FormattedValue(value=ast.Name() as value):
            found = texts(value, module, depth)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = joined([texts(left, module, depth), texts(right, module, depth)])
        case ast.IfExp(body=body, orelse=other):
            found = texts(body, module, depth) + texts(other, module, depth)
        case ast.BoolOp(values=values):
            found = [text for value in values for text in texts(value, module, depth)]
        case ast.Name() if depth < DEEPEST:
            found = [text for value in values_of(node, module) for text in texts(value[0], value[1], depth + 1)]
    return found or [VALUE]


def joined(parts: list[list[str]]) -> list[str]:
    return list(dict.fromkeys("".join(each) for each in itertools.islice(itertools.product(*parts), 200)))


def values_of(name: ast.Name, module: Module) -> Iterator[tuple[ast.expr, Module]]:
    """Yield the expressions that a name may stand for, each with its module."""
    function = module.functions.get(id(name))
    assigned = list(assignments(name.id, function or module.tree))
    if function is not None and not assigned:
        parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
        if name.id in parameters:
            yield from arguments(function, name.id, module)
            return
        assigned = list(assignments(name.id, module.tree))
    yield from ((value, module) for value in assigned)


def assignments(name: str, scope: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=True)
                    yield from (value for each, value in pairs if name_of(each) == name)


def arguments(
    function: ast.FunctionDef | ast.AsyncFunctionDef, parameter: str, module: Module
) -> Iterator[tuple[ast.expr, Module]]:
    """Yield what the callers of a function pass for a parameter."""
    positional = [each.arg for each in function.args.args if each.arg not in {"self", "cls"}]
    for other in modules():
        is_visible = other is module or function.name in imported_names(other) or function.name == "error"
        for call in ast.walk(other.tree) if is_visible else ():
            if not isinstance(call, ast.Call) or name_of(call.func) != function.name or not is_same(call, function):
                continue
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            if parameter in given:
                yield given[parameter], other
            elif parameter in positional and positional.index(parameter) < len(call.args):
                yield call.args[positional.index(parameter)], other


def is_same(call: ast.Call, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return True unless the call is of another method `error`, such as a logger's."""
    return function.name != "error" or (isinstance(call.func, ast.Attribute) and "origin" in name_of(call.func.value))


@functools.cache
def imported_names(module: Module) -> frozenset[str]:
    imports = [node for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom)]
    return frozenset(alias.name for node in imports for alias in node.names)


@dataclass(frozen=True)
class Text:
    """A message and its remedies, with the place of the call."""

    place: str
    kind: str
    sentences: tuple[str, ...]
    remedies: tuple[str, ...]


def made_errors(module: Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls that make an error of the tree, or a verdict that is not "ok"."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = name_of(node.func)
            status = node.args[2] if len(node.args) > 3 else None  # a verdict's fourth is its message
            is_verdict = name == "Verdict" and isinstance(status, ast.Constant) and status.value != "ok"
            if is_verdict or (name in CLASSES and (node.args or node.keywords)):
                yield name, node


def read_texts(module: Module) -> Iterator[Text]:
    for name, call in made_errors(module):
        sentence, remedy = (3, 4) if name == "Verdict" else (0, -1)
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        remedy_node = given.get("remedy") or (call.args[remedy] if 0 < remedy < len(call.args) else None)
        yield Text(
            f"{module.name}:{call.lineno}",
            name,
            tuple(texts(call.args[sentence], module)),
            tuple(texts(remedy_node, module)) if remedy_node is not None else (),
        )


def table_texts() -> Iterator[Text]:
    for key, (why, remedy) in diagnosis.REMEDIES.items():
        yield Text(f"diagnosis.REMEDIES[{key}]", "DatabaseUnavailable", (why,), (remedy,))
    for kind, why, remedy in diagnosis.SILENT:
        yield Text(f"diagnosis.SILENT[{kind.__name__}]", "DatabaseUnavailable", (why,), (remedy,))


def faults(text: Text) -> Iterator[str]:
    """Yield what is wrong with an error's texts."""
    for sentence in text.sentences:
        if sentence != VALUE:
            if not re.match(rf"[A-Z'\"`\[{{{VALUE}]", sentence) or not sentence.rstrip(VALUE).endswith((".", ": ")):
                yield f"not a sentence: {sentence!r}"
            if VALUE not in sentence and len(sentence.split()) < 3:  # subject, verb, object
                yield f"a fragment: {sentence!r}"
    if not text.remedies and text.kind not in WITHOUT_REMEDY:
        yield "no remedy"
    for remedy in text.remedies:
        first = remedy.split(" ", 1)[0].rstrip(":")
        if remedy and VALUE not in first and first not in VERBS | SQL:
            yield f"not an advice: {remedy!r}"
        if HARMFUL.search(remedy):
            yield f"advises harm: {remedy!r}"
    if text.remedies and not any(text.remedies):
        yield "an empty remedy"


MAKING = [module for module in modules() if any(made_errors(module))]


@pytest.mark.parametrize("module", MAKING, ids=lambda module: module.name)
def test_errors_say_what_happened_and_what_to_do(module: Module) -> None:
    assert [f"{text.place}: {fault}" for text in read_texts(module) for fault in faults(text)] == []


def test_reasons_of_refused_connections_follow_the_same_rules() -> None:
    assert [f"{text.place}: {fault}" for text in table_texts() for fault in faults(text)] == []


@pytest.mark.parametrize("module", MAKING, ids=lambda module: module.name)
def test_no_error_shows_a_secret(module: Module) -> None:
    shown = [
        f"{module.name}:{call.lineno}: {name_of(part)}"
        for _, call in made_errors(module)
        for value in ast.walk(call)
        if isinstance(value, ast.FormattedValue)
        for part in ast.walk(value.value)
        if SECRET.search(name_of(part)) and not name_of(part).isupper()  # a constant of the source
        if (module.name, name_of(part)) not in NOT_SECRET
    ]
    assert shown == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('errors.TenancyError("The tenant is unknown.", remedy="Pass another tenant.")', []),
        ('errors.TenancyError(f"{name!r} is unknown.", remedy="Run: tenantry tenant list")', []),
        ('errors.TenancyError("The tenant is unknown.")', ["no remedy"]),
        ('errors.TenancyError("The tenant is unknown.", remedy="")', ["an empty remedy"]),
        ('errors.TenancyError("unknown tenant", remedy="Pass another tenant.")', ["not a sentence", "a fragment"]),
        ('errors.TenancyError("Unknown tenant.", remedy="Pass another tenant.")', ["a fragment"]),
        ('errors.TenancyError("The tenant is unknown.", remedy="It is better to pass one.")', ["not an advice"]),
        ('errors.TenancyError("TLS was refused here.", remedy="Use a weaker sslmode.")', ["advises harm"]),
        ('errors.ServerError("The data are old.", remedy="Stop it, and remove the data.")', ["advises harm"]),
        ('def f():\n    why = "no fix"\n    errors.ServerError("It is down.", remedy=why)', ["not an advice"]),
        ('def f(what):\n    errors.ServerError(what, remedy="Start it.")\nf("it is down.")', ["not a sentence"]),
        ('Verdict("x", None, "fail", "It is down.")', ["no remedy"]),
        ('Verdict("x", None, "ok", "fine")', []),
    ],
)
def test_a_bad_text_is_found(source: str, found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module(ROOT / "example.py", ast.parse(source))
    monkeypatch.setitem(globals(), "modules", lambda: (module,))
    assert [fault.partition(":")[0] for text in read_texts(module) for fault in faults(text)] == found


def test_the_texts_of_the_source_are_read() -> None:
    """The errors are found, and few of their texts are out of the source's reach."""
    found = [text for module in modules() for text in read_texts(module)]
    assert len(found) > 140
    unread = [text.place for text in found if VALUE in text.sentences or VALUE in text.remedies]
    assert len(unread) < 12, unread
