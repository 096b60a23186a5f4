"""Named SQL statements from `.sql` files beside the modules that use them.

A file contains statements, each below a line `-- name: NAME` and a comment about its purpose. A missing statement fails
at import.
"""

from __future__ import annotations

import re
from importlib.resources import files
from types import MappingProxyType

__all__ = ["load_statements"]

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_statements(package: str, file_name: str) -> MappingProxyType[str, str]:
    """Return the statements of a file in `package` by name, without their final semicolons."""
    _, *parts = _NAME.split(files(package).joinpath(file_name).read_text(encoding="utf-8"))
    return MappingProxyType(
        {name: text.strip().removesuffix(";") for name, text in zip(parts[::2], parts[1::2], strict=True)}
    )
