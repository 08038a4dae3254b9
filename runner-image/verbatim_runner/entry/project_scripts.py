"""``[project.scripts]``: called as when it is installed, without installing the project."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.entry.interface import Candidate, read_text

if TYPE_CHECKING:
    from verbatim_runner.project import Project

TRAIN = "train"


def detect(project: Project) -> list[Candidate]:
    """Return the script ``train`` if the project declares one.

    Raises:
        UserFault: It names no function.
    """
    called = _declared(project).get(TRAIN)
    if called is None:
        return []
    module = re.split(r"[.:]", called)[0].strip()
    path = called.partition(":")[0].strip().replace(".", "/")
    text = f"import {module}\n{path}.py\npython -m {module}"
    return [Candidate(_entry(TRAIN, called), f'"entry_point": {json.dumps(TRAIN)}', text=text)]


def pick(project: Project, name: str) -> Entry | None:
    """Return how the script that ``entry_point`` names is started; None where none is called so.

    Raises:
        UserFault: It names no function.
    """
    called = _declared(project).get(name)
    return _entry(name, called) if called else None


def names(project: Project) -> list[str]:
    """Return the scripts that the project declares."""
    return sorted(_declared(project))


def _entry(name: str, called: str) -> Entry:
    module, _, function = (part.strip() for part in called.partition("[")[0].partition(":"))
    if not all(part.isidentifier() for part in (*module.split("."), *function.split("."))):
        raise UserFault(f"expected module:function as [project.scripts] {name}; got {called!r}", field="pyproject.toml")
    start = f"import sys; from {module} import {function.split('.')[0]}; sys.exit({function}())"
    found_by = f"[project.scripts] {name} = {called!r}"
    return Entry(argv=("python", "-c", start), appends_parameters=True, found_by=found_by)


def _declared(project: Project) -> dict[str, str]:
    """Return name to ``module:function``, also as Poetry writes it; what is not readable declares nothing."""
    try:
        content = tomllib.loads(read_text(project.directory / "pyproject.toml"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    scripts: dict[str, str] = {}
    for table in (_table(_table(content, "tool"), "poetry"), _table(content, "project")):
        scripts |= {name: called for name, called in _table(table, "scripts").items() if isinstance(called, str)}
    return scripts


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}
