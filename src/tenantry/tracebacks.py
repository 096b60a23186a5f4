"""The place in a user's own code at which an error was raised, for errors that are shown in one sentence."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["Place", "find_place", "own_place", "shown_path"]

_PACKAGE = Path(__file__).resolve().parent
_LIBRARIES = tuple({Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")})


class Place(NamedTuple):
    """A line of a file."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{shown_path(self.path)}, line {self.line}"


def shown_path(path: Path) -> str:
    """Return a path as a reader in the current folder would type it: relative, if the file is below the folder."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except (OSError, ValueError):
        return str(path)


def find_place(error: BaseException, is_wanted: Callable[[Path], bool]) -> Place | None:
    """Return the innermost line of the error's traceback in a wanted file; None if no frame is in one.

    A syntax error has no frame in its own file, but it names the line.
    """
    if isinstance(error, SyntaxError) and error.filename and is_wanted(Path(error.filename)):
        return Place(Path(error.filename), error.lineno or 1)
    frames = traceback.extract_tb(error.__traceback__)
    places = [Place(Path(frame.filename), frame.lineno or 1) for frame in frames if not frame.filename.startswith("<")]
    return next((place for place in reversed(places) if is_wanted(place.path)), None)


def own_place(error: BaseException) -> Place | None:
    """Return the innermost line that is neither in a library nor in this package."""
    return find_place(error, _is_own)


def _is_own(path: Path) -> bool:
    # A checkout can have its virtual environment, with the libraries in it, inside of the project's folder.
    resolved = path.resolve()
    if "site-packages" in resolved.parts or resolved.is_relative_to(_PACKAGE):
        return False
    return not any(resolved.is_relative_to(folder) for folder in _LIBRARIES)
