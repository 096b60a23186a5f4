"""The checksum of a revision's file: it changes if what the revision does changes, and not if a formatter runs.

The checksum is of the syntax tree. Comments, docstrings, annotations, the order of imports and unused imports are left
out. The tree is written by our own code, because `ast.dump` differs between versions of Python.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["checksum", "checksum_of"]

# 64 bits: it is compared with one other value, and an edit is not an attack.
DIGITS = 16
_WITHOUT = {"kind", "type_comment", "ctx", "returns", "annotation", "type_params", "simple", "lineno", "col_offset"}


def checksum_of(path: str | Path) -> str:
    """Return the checksum of the file at `path`."""
    return checksum(Path(path).read_text(encoding="utf-8"))


def checksum(source: str) -> str:
    """Return the checksum of a module's source."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imports = sorted(line for node in ast.walk(tree) for line in _imports(node, used))
    return hashlib.sha256("\n".join([*imports, _write(tree)]).encode()).hexdigest()[:DIGITS]


def _imports(node: ast.AST, used: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        source = f"{'.' * node.level}{node.module or ''}:" if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            if (alias.asname or alias.name).partition(".")[0] in used:
                yield f"{source}{alias.name} {alias.asname or ''}"


def _write(value: Any) -> str:
    if isinstance(value, ast.AnnAssign) and value.value is not None:
        # `revision: str = "1"` and `revision = "1"` do the same.
        value = ast.Assign(targets=[value.target], value=value.value)
    if isinstance(value, ast.AST):
        fields = ((name, field) for name, field in sorted(ast.iter_fields(value)) if name not in _WITHOUT)
        written = (f"{name}={_write(field)}" for name, field in fields if field not in (None, []))
        return f"{type(value).__name__}({', '.join(written)})"
    if isinstance(value, list):
        return f"[{', '.join(_write(one) for one in value if not _is_idle(one))}]"
    return repr(value)


def _is_idle(node: Any) -> bool:
    """Return True for a statement that does nothing: a docstring, `pass`, or an import, which is written apart."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)
