"""Dependencies in ``Pipfile.lock``: its default ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.lock_graph import LockedPackage, index_lines, line_of
from verbatim_runner.environment.declared.poetry import git_url, marker_of

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the lock.

    Raises:
        UserFault: The lock is not JSON.
    """
    lock = read_pipfile_lock(project.directory)
    if lock is None:
        return None
    sources = lock.get("_meta", {}).get("sources", [])
    lines = (_line(name, entry) for name, entry in lock.get("default", {}).items())
    text = "".join(f"{line}\n" for line in lines if line)
    return Declaration(declared_by="Pipfile.lock", locked=index_lines(source["url"] for source in sources) + text)


def read_pipfile_lock(directory: Path) -> dict[str, Any] | None:
    """Return what a directory's ``Pipfile.lock`` says; None if there is none.

    Raises:
        UserFault: It is not a JSON object.
    """
    try:
        lock = json.loads((directory / "Pipfile.lock").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserFault(f"Pipfile.lock is not readable as JSON: {error}", field="code") from None
    if not isinstance(lock, dict):
        raise UserFault("expected a JSON object in Pipfile.lock", field="code")
    return lock


def _line(name: str, entry: dict[str, Any]) -> str | None:
    extras = f"[{','.join(entry['extras'])}]" if entry.get("extras") else ""
    requirement: str | None
    if url := entry.get("git"):
        requirement = f"{name}{extras} @ {git_url(url.removeprefix('git+'), entry)}"
    elif url := entry.get("file"):
        requirement = f"{name}{extras} @ {url}"
    elif path := entry.get("path"):
        requirement = None if path in {".", "./"} else f"-e ./{path}"
    else:
        version = str(entry.get("version", ""))
        requirement = f"{name}{extras}{'' if version == '*' else version}"
    if requirement is None:
        return None
    package = LockedPackage(name, "", requirement, hashes=tuple(entry.get("hashes", ())))
    return line_of(package, marker="" if requirement.startswith("-e") else marker_of(entry))
