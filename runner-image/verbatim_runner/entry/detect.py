"""Decides how training is started: by the conf's command, else by the one candidate that the project has.

Reads files and runs nothing. To know one more kind of project, write a function and add it to ``_DETECTORS``.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.stage import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.project import Project

_SHELL_SYNTAX = re.compile(r"[|&;<>()$`*?\[\]~#\n]|^\s*\w+=")
_SHOWN = 20


def find_entry(laid_out: Project) -> Entry:
    """Return how training is started, and why so.

    Raises:
        UserFault: The project has no candidate, or several; with the conf line that decides.
    """
    if laid_out.command:
        return entry_of_command(laid_out.command)
    project = laid_out.directory
    found = [entry for detect in _DETECTORS for entry in detect(project)]
    if len(found) == 1:
        return found[0]
    suggestions = [shlex.join(entry.argv) for entry in found] or [f"python {name}" for name in _scripts(project)]
    example = f'Name it in the conf, such as "command": "{suggestions[0] if suggestions else "python my_training.py"}"'
    if found:
        listed = "; ".join(entry.found_by for entry in found)
        raise UserFault(f"the project has {len(found)} ways to start training: {listed}. {example}", field="command")
    known = "train.py, main.py, train.sh, a [project.scripts] train, a package with __main__.py"
    there = ", ".join(sorted(path.name for path in project.iterdir() if path.name != ".git")[:_SHOWN]) or "nothing"
    raise UserFault(
        f"the project has nothing that starts training ({known}); it has: {there}. {example}", field="command"
    )


def entry_of_command(command: str | list[str]) -> Entry:
    """Return how a command of the conf is started.

    Args:
        command: Parameters are appended to it unless it places them itself (``{parameters.…}``), or is a shell text in
            which there is no telling where they belong.
    """
    text = command if isinstance(command, str) else shlex.join(command)
    places = "{parameters" in text
    if isinstance(command, list):
        argv = tuple(command)
    elif _SHELL_SYNTAX.search(command):
        found_by = "the conf's command, run by a shell; no parameters are appended: {parameters.name} places one"
        return Entry(argv=("sh", "-c", command), appends_parameters=False, found_by=found_by)
    else:
        argv = _split(command)
    return Entry(argv=argv, appends_parameters=not places, found_by="the conf's command")


def _split(command: str) -> tuple[str, ...]:
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise UserFault(f"expected a command line; got {command!r} ({error})", field="command") from None
    if not argv:
        raise UserFault("expected a command line; got only white space", field="command")
    return argv


def _scripts_by_name(project: Path) -> list[Entry]:
    called = _declared_script(project)
    known = {"train.py": "python", "main.py": "python", "train.sh": "bash"}
    return [
        Entry(argv=(interpreter, name), appends_parameters=True, found_by=f"the script {name}")
        for name, interpreter in known.items()
        if (project / name).is_file() and name != f"{_top(called)}.py"
    ]


def _project_script(project: Path) -> list[Entry]:
    """Find ``train`` under ``[project.scripts]``: called as when it is installed, without installing the project."""
    called = _declared_script(project)
    if called is None:
        return []
    module, _, function = (part.strip() for part in called.partition("[")[0].partition(":"))
    if not all(part.isidentifier() for part in (*module.split("."), *function.split("."))):
        raise UserFault(f"expected module:function as [project.scripts] train; got {called!r}", field="pyproject.toml")
    start = f"import sys; from {module} import {function.split('.')[0]}; sys.exit({function}())"
    found_by = f"[project.scripts] train = {called!r}"
    return [Entry(argv=("python", "-c", start), appends_parameters=True, found_by=found_by)]


def _package(project: Path) -> list[Entry]:
    called = _declared_script(project)
    packages = [path.parent for root in (project, project / "src") for path in sorted(root.glob("*/__main__.py"))]
    return [
        Entry(
            argv=("python", "-m", package.name),
            appends_parameters=True,
            found_by=f"the package {package.relative_to(project)} with __main__.py",
        )
        for package in packages
        if package.name.isidentifier() and package.name != _top(called)
    ]


def _declared_script(project: Path) -> str | None:
    """Return ``[project.scripts] train``; the script or package that it calls is no candidate besides it."""
    try:
        declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
        return str(declared["project"]["scripts"]["train"])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError):
        return None


def _top(called: str | None) -> str | None:
    return re.split(r"[.:]", called)[0].strip() if called else None


def _scripts(project: Path) -> list[str]:
    return sorted(path.name for path in project.glob("*.py") if path.name not in {"setup.py", "conftest.py"})[:_SHOWN]


_DETECTORS = (_scripts_by_name, _project_script, _package)
