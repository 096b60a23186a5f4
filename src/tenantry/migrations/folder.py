"""The folder of revisions, checked as a whole: its files load, and they form one history.

Alembic reports a damaged folder with a traceback, or not at all: of two files with one id, the later file wins. So
every command calls `check_folder` before Alembic reads the folder.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import Revision
from alembic.util import load_python_file, to_tuple

from tenantry import errors
from tenantry.service import Service
from tenantry.tracebacks import find_place, shown_path

__all__ = ["check_folder", "only_head", "open_folder", "several_heads", "versions_of"]


def versions_of(service: Service) -> Path:
    """Return the folder that contains the files of the revisions."""
    return service.migrations / "versions"


def open_folder(service: Service, config: Config) -> ScriptDirectory:
    """Return Alembic's view of the folder, after its check.

    Raises:
        RevisionsInvalid: see `check_folder`.
    """
    directory = ScriptDirectory.from_config(config)
    check_folder(service, directory)
    return directory


def check_folder(service: Service, directory: ScriptDirectory) -> None:
    """Check that every file loads, that no id is there twice, and that every revision follows a revision that exists.

    Raises:
        RevisionsInvalid: with the files and the remedy.
    """
    files = _load(directory)
    _check_ids(files)
    _check_parents(files, service)
    _check_circle(files)


def only_head(service: Service, directory: ScriptDirectory) -> str | None:
    """Return the newest revision; None if there is no revision yet.

    Raises:
        SeveralHeads: there are several.
    """
    heads = directory.get_heads()
    if len(heads) > 1:
        raise several_heads(service, directory)
    return heads[0] if heads else None


def several_heads(service: Service, directory: ScriptDirectory) -> errors.SeveralHeads:
    """Return the error that names the heads and their files."""
    heads = sorted(directory.get_heads())
    paths = [Path(directory.get_revision(head).path) for head in heads]
    named = [f"{head} ({shown_path(path)})" for head, path in zip(heads, paths, strict=True)]
    return errors.SeveralHeads(
        f"The migrations of {service.name} have {len(heads)} heads: {' and '.join(named)}.",
        why="Two revisions follow the same revision, so it is not known which of them is applied first.",
        remedy=f"Run: tenantry merge --service {service.name}. Or, if one of them was applied nowhere else, set its "
        "down_revision to the other one.",
        paths=tuple(map(shown_path, paths)),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class _File:
    """What one file says about its revision."""

    path: str
    revision: str
    parents: tuple[object, ...]
    needed: tuple[object, ...]
    labels: tuple[str, ...]


def _load(directory: ScriptDirectory) -> list[_File]:
    """Load the files one by one, as Alembic does."""
    found: list[_File] = []
    for folder in directory._version_locations:  # noqa: SLF001  # no public function lists the files
        paths = Script._list_py_dir(directory, folder) if folder.is_dir() else []  # noqa: SLF001
        # `.#` begins the name of an editor's lock file. Alembic skips these files too.
        names = (path for path in paths if path.suffix == ".py" and not path.name.startswith((".#", "__init__")))
        found.extend(map(_load_file, names))
    return found


def _load_file(path: Path) -> _File:
    try:
        module = load_python_file(path.parent, path.name)
        revision = module.revision
        Revision.verify_rev_id(revision)
    except Exception as error:
        raise _unloadable(path, error) from error
    parents, needed, labels = (
        to_tuple(getattr(module, name, None), default=()) for name in ("down_revision", "depends_on", "branch_labels")
    )
    return _File(shown_path(path), revision, parents, needed, labels)


def _unloadable(path: Path, error: Exception) -> errors.RevisionsInvalid:
    place = find_place(error, lambda one: one.resolve() == path.resolve())
    if isinstance(error, AttributeError) and place is None:
        reason = "It does not set `revision`"
    else:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        reason = f"{type(error).__name__}: {text}".rstrip(".: ")
    shown = shown_path(path)
    return errors.RevisionsInvalid(
        f"The file of a revision cannot be loaded: {place or shown}.",
        why=f"{reason}. Nothing was changed.",
        remedy=f"Correct the file, or restore it with: git checkout -- {shown}",
        paths=(shown,),
    )


def _check_ids(files: Sequence[_File]) -> None:
    for revision, count in Counter(file.revision for file in files).items():
        if count > 1:
            paths = tuple(file.path for file in files if file.revision == revision)
            raise errors.RevisionsInvalid(
                f"{count} files have the revision id {revision}: {' and '.join(paths)}.",
                why="Only one of them would be applied.",
                remedy="Remove the copy, or give it a new `revision` and the right `down_revision`.",
                paths=paths,
            )


def _check_parents(files: Sequence[_File], service: Service) -> None:
    known = {file.revision for file in files}
    labels = {label for file in files for label in file.labels}
    for file in files:
        # A dependency may be a label or the beginning of an id.
        needed = [name for name in file.needed if name not in labels and not _begins(name, known)]
        missing = [name for name in file.parents if name not in known] + needed
        if missing:
            folder = shown_path(versions_of(service))
            raise errors.RevisionsInvalid(
                f"Revision {file.revision} follows {missing[0]!s}, and no file in {folder} has this id.",
                why=f"{file.path} names it. Its file was deleted, or is on another branch.",
                remedy=f"Restore the file (git log --all --stat -- {folder} finds it), or correct `down_revision` in "
                f"{file.path}.",
                paths=(file.path,),
            )


def _begins(name: object, known: Iterable[str]) -> bool:
    return isinstance(name, str) and any(one.startswith(name) for one in known)


def _check_circle(files: Sequence[_File]) -> None:
    """Remove revisions without a parent and those without a child, until only circles are left."""
    left = {file.revision: file for file in files}
    ends: list[str] | bool = True
    while ends:
        followed = {parent for file in left.values() for parent in file.parents}
        ends = [name for name, file in left.items() if name not in followed or not left.keys() & set(file.parents)]
        for name in ends:
            del left[name]
    if left:
        paths = tuple(file.path for file in left.values())
        raise errors.RevisionsInvalid(
            f"The revisions {', '.join(sorted(left))} follow each other in a circle.",
            why=f"Their files are {' and '.join(paths)}.",
            remedy="Correct `down_revision` in one of them.",
            paths=paths,
        )
