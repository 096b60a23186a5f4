"""Names that a package imports at their first use.

A face such as `tenantry` offers names of many modules, and some of these modules are slow to import. `tenantry --help`
must not wait for SQLAlchemy, and reading a service's settings must not wait for FastAPI. So a face lists the module of
each name, and imports a module when one of its names is used:

    if TYPE_CHECKING:
        from tenantry.fastapi.problems import Problem as Problem
    else:
        __getattr__, __dir__ = lazy_names(__name__, {"tenantry.fastapi.problems": ("Problem",)})

Type checkers read the imports under `TYPE_CHECKING`, and do not see `__getattr__`; with it, they would accept any name.
A test compares the two lists.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, names_of: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package.

    `names_of` has the names by the module that defines them. The names of `package` itself are its submodules.
    """
    homes = {name: module for module, names in names_of.items() for name in names}

    def get_attribute(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if home == package:
            return importlib.import_module(f"{package}.{name}")
        value = getattr(importlib.import_module(home), name)
        # The next use finds the name in the package, without this function.
        setattr(sys.modules[package], name, value)
        return value

    def list_attributes() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get_attribute, list_attributes
