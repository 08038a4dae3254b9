"""A script or notebook that is named: by the conf's code, by its ``entry_point``, or by another way to start."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.entry import notebook
from verbatim_runner.entry.interface import Candidate, read_text

if TYPE_CHECKING:
    from verbatim_runner.project import Project

INTERPRETERS = {".py": "python", ".sh": "bash", ".r": "Rscript"}
SUFFIXES = frozenset({*INTERPRETERS, ".ipynb"})
"""Of files that can be started, in lower case."""

_INSTALLS = re.compile(r"\bpip3?\b\W+install\b")


def detect(project: Project) -> list[Candidate]:
    """Return the one script or notebook that the conf's code names, if it names one.

    Raises:
        UserFault: It is none.
    """
    return [candidate(project, project.file, "the code's")] if project.file else []


def candidate(project: Project, name: str, which: str = "the") -> Candidate:
    """Return how a script or notebook of the project is started.

    Args:
        project: The project.
        name: The file, seen from the project's directory.
        which: How the record speaks of it: ``the`` script train.py.

    Raises:
        UserFault: It is of no kind that can be started.
    """
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    text = read_text(project.directory / name)
    if suffix == ".ipynb":
        entry = notebook.entry(project, name, f"{which} notebook {name}")
    elif suffix in INTERPRETERS:
        entry = Entry(
            argv=(INTERPRETERS[suffix], *_started(path, text)), appends_parameters=True,
            found_by=f"{which} script {name}",
            requires=("pip",) if _INSTALLS.search(text) else (),
        )  # fmt: skip
    else:
        raise UserFault(f"expected a .py, .sh or .R script or a notebook; got {name!r}", field="entry_point")
    module = ".".join(path.with_suffix("").parts)
    return Candidate(entry, f'"entry_point": {json.dumps(name)}', (name, module) if suffix == ".py" else (name,), text)


def _started(path: PurePosixPath, text: str) -> tuple[str, ...]:
    """Return what the interpreter is given: a module, where the script imports as only a module can.

    That is relatively, or from its own top directory.
    """
    top = re.escape(path.parts[0])
    needs = rf"(?m)^\s*(?:from\s+\.|(?:from|import)\s+{top}\b)"
    if path.suffix == ".py" and len(path.parts) > 1 and re.search(needs, text):
        return "-m", ".".join(path.with_suffix("").parts)
    return (str(path),)


def pick(project: Project, name: str) -> Entry | None:
    """Return how a script or notebook is started that ``entry_point`` names; None where there is no such file."""
    return candidate(project, name, "the conf's").entry if _is_ours(project, name) else None


def _is_ours(project: Project, name: str) -> bool:
    try:
        file = (project.directory / name).resolve()
        return not name.startswith("-") and file.is_relative_to(project.root.resolve()) and file.is_file()
    except (OSError, ValueError):  # no name that a file can have
        return False


def names(project: Project) -> list[str]:
    """Return the scripts and notebooks at the project's top."""
    return sorted(
        path.name
        for path in project.directory.iterdir()
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.name not in {"setup.py", "conftest.py"}
    )
