"""Named SQL statements that live in `.sql` files beside the modules that send them.

A file is a row of statements, each introduced by `-- name: it` and a comment that says what it is for; so SQL is read
and edited as SQL, and a statement that is missing fails at import, not in production.
"""

from __future__ import annotations

import re
from importlib.resources import files
from types import MappingProxyType

__all__ = ["load_statements"]

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_statements(package: str, file_name: str) -> MappingProxyType[str, str]:
    """Return the statements of a file of `package` by name, without the semicolon that ends each."""
    _, *parts = _NAME.split(files(package).joinpath(file_name).read_text(encoding="utf-8"))
    return MappingProxyType(
        {name: text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)}
    )
