"""Projects that are started by no usual name: the one script or notebook that can be meant."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from verbatim_runner.entry import script
from verbatim_runner.entry.calls import without_called
from verbatim_runner.entry.interface import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim_runner.entry.interface import Candidate
    from verbatim_runner.project import Project

_KINDS = (".py", ".ipynb", ".r", ".sh")
"""Where a project has several kinds, the first decides: a shell script beside a notebook installs or downloads."""

_NOT_TRAINING = frozenset(
    {
        "setup", "install", "conf", "conftest", "noxfile", "test", "tests", "utils", "common", "download", "convert",
        "predict", "prediction", "infer", "inference", "score", "scoring", "app", "serve", "serving", "deploy",
        "register",
    }
)  # fmt: skip
"""Words in the names of scripts that do other things; started in place of training, they would do them."""

_NOT_SEARCHED = frozenset(
    {
        "test",
        "tests",
        "docs",
        "doc",
        "examples",
        "demo",
        "demos",
        "node_modules",
        "site-packages",
        "venv",
        "env",
        "build",
        "dist",
    }
)
_TRAINING = frozenset({"train", "training"})


def detect(project: Project) -> list[Candidate]:
    """Return what can be meant: all, if there is no telling which of them is.

    Considered are scripts and notebooks at the project's top that do something when they are started, and the ``train``
    of a directory below. What another one calls is none; the only one that says ``train`` in its name is it.
    """
    found = dict(_top(project)) | dict(_below(project, "train"))
    if not found:
        found = dict(_below(project, "main"))
    remaining = without_called(list(found.values()))
    names = {name: one for name, one in found.items() if one in remaining}
    training = [one for name, one in names.items() if _words(name) & _TRAINING]
    if len(training) == 1:
        return training
    for kind in _KINDS:
        if of_kind := [one for name, one in names.items() if PurePosixPath(name).suffix.lower() == kind]:
            return of_kind
    return []


def _top(project: Project) -> Iterator[tuple[str, Candidate]]:
    for name in script.names(project):
        other = _words(name) & _NOT_TRAINING and not _words(name) & _TRAINING
        if not other and (not name.endswith(".py") or _does_something(project, name)):
            yield name, script.candidate(project, name)


def _below(project: Project, stem: str) -> Iterator[tuple[str, Candidate]]:
    for path in sorted(project.directory.rglob(f"{stem}.*")):
        inside = path.relative_to(project.directory)
        searched = not any(part in _NOT_SEARCHED or part.startswith(".") for part in inside.parts[:-1])
        if len(inside.parts) > 1 and searched and path.suffix.lower() in script.SUFFIXES and path.is_file():
            yield str(inside), script.candidate(project, str(inside))


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", PurePosixPath(name).stem.lower()))


def _does_something(project: Project, name: str) -> bool:
    """Return whether a Python file does more than define: it has a main part, or calls or loops at its top level."""
    try:
        return any(map(_acts, ast.parse(read_text(project.directory / name)).body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # of another Python: there is no telling


def _acts(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return "__name__" in ast.unparse(statement.test) or any(map(_acts, statement.body))
    return isinstance(statement, ast.For | ast.While | ast.With) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.Await)
    )
