"""The tables of problems, read from the tables and the source of `tenantry.fastapi` and of the services."""  # noqa: INP001  (a script beside the pages it writes)

from __future__ import annotations

import ast
import http
import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from markup import table

from tenantry.fastapi import failures, sqlstates
from tenantry.fastapi.rows import not_found
from tenantry.service import Service

__all__ = ["problems", "problems_of", "web_problems"]


def problems() -> str:
    """Every problem that answers an exception, by its cause."""
    rows = [
        *((f"`{kind.__name__}`", answer) for kind, answer in failures.BY_CLASS.items()),
        *((f"SQLSTATE {state}", answer) for state, answer in sqlstates.BY_CODE.items()),
        *((f"SQLSTATE class {state}", answer) for state, answer in sqlstates.BY_CLASS.items()),
        ("anything else", failures.INTERNAL),
    ]
    causes: dict[tuple[str, str, str], list[str]] = {}
    for cause, answer in rows:
        causes.setdefault((f"`{answer.code}`", str(answer.status), answer.detail), []).append(cause)
    found = ((*key[:2], ", ".join(names), key[2]) for key, names in sorted(causes.items()))
    return table(("code", "status", "cause", "detail"), found)


def web_problems() -> str:
    """Every other problem of `tenantry.fastapi`."""
    told = {answer.code for answer in (*failures.BY_CLASS.values(), *sqlstates.BY_CODE.values(), failures.INTERNAL)}
    told |= {answer.code for answer in sqlstates.BY_CLASS.values()}
    rows = [row for row in _made_in(Path(failures.__file__).parent) if row[0].strip("`") not in told]
    return table(("code", "status", "detail"), rows)


def problems_of(service: Service) -> str:
    """Every problem that a service adds."""
    return table(("code", "status", "detail"), _made_in(Path(inspect.getfile(service.settings)).parent))


def _made_in(folder: Path) -> list[tuple[str, str, str]]:
    """Return code, status and detail of every problem of a folder, read from its source."""
    found: dict[str, tuple[str, str, str]] = {}
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = _assigned(tree.body, {})
        found.update(_made_by(tree, known))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.update(_made_by(node, _assigned(ast.walk(node), known)))
    return [found[name] for name in sorted(found)]


def _made_by(tree: ast.AST, known: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"Problem", "Answer"}:
            said = [_said(one, known) for one in node.args[:3]]
            status, name, detail = [*said, "", "", ""][:3]
            if status.isdigit() and name:
                yield name, (f"`{name}`", status, detail)
        match node:
            # The last argument of a function that finds a row is the row's noun.
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="rows"), attr="find" | "present" | "not_found"),
                args=[*_, ast.Constant(value=str(noun))],
            ):
                answer = not_found(noun).answer
                yield answer.code, (f"`{answer.code}`", str(answer.status), answer.detail)


def _assigned(nodes: Iterable[ast.AST], known: Mapping[str, str]) -> dict[str, str]:
    """Return what names are assigned to that hold a text or a number."""
    found = dict(known)
    for node in nodes:
        if isinstance(node, ast.Assign) and (said := _said(node.value, found)):
            found.update({target.id: said for target in node.targets if isinstance(target, ast.Name)})
    return found


def _said(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return what an expression says, as far as its source tells: dots for what is filled in at run time."""
    match node:
        case ast.Constant(value=value):
            return str(value)
        case ast.Attribute(attr=name) if name in http.HTTPStatus.__members__:
            return str(http.HTTPStatus[name].value)
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.JoinedStr(values=parts):
            return "".join(_said(part, known) for part in parts)
        case ast.FormattedValue(value=value):
            return _said(value, known) or "..."
        case _:
            return ""
