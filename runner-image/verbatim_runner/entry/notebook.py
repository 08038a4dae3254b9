"""Notebooks: executed with papermill, the conf's parameters injected with their types.

What executes one is ``execute_notebook.py``, which runs in the user's environment.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.training.arguments import without_sagemakers

if TYPE_CHECKING:
    from verbatim_runner.project import Project

PROGRAM = Path(__file__).with_name("execute_notebook.py")
"""What executes a notebook; put where the training can read it (``Places.notebook_program``)."""

_INSTALLS = re.compile(r"^\s*[!%]\s*(?:python3?\s+-m\s+)?pip3?\s+install\b")


def entry(project: Project, name: str, found_by: str) -> Entry:
    """Return how a notebook is executed: in its own directory, the executed one among the outputs.

    Args:
        project: The project.
        name: The notebook, seen from the project's directory.
        found_by: The rule that decided.

    Raises:
        UserFault: It is no notebook, none in Python, or a parameter cannot be a variable of it.
    """
    content = _read(project, name)
    _demand_python(content, name)
    unfit = next((key for key in without_sagemakers(project.parameters) if not key.isidentifier()), None)
    if unfit is not None:
        raise UserFault(
            f"expected a name that a variable can have, since a notebook gets its parameters as such; got {unfit!r}",
            field=f"parameters.{unfit}",
        )
    return Entry(
        argv=("python", "{places.notebook_program}", name),
        appends_parameters=False,
        found_by=f"{found_by}, executed with papermill",
        requires=("papermill", "ipykernel", *(("pip",) if _installs(content) else ())),
    )


def _read(project: Project, name: str) -> dict[str, Any]:
    try:
        content = json.loads((project.directory / name).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserFault(f"{name} is not readable as a notebook: {error}", field="code") from None
    if not isinstance(content, dict) or not ("cells" in content or "worksheets" in content):
        raise UserFault(f"{name} is not a notebook: it has no cells", field="code")
    return content


def _demand_python(content: dict[str, Any], name: str) -> None:
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    spec, info = metadata.get("kernelspec"), metadata.get("language_info")
    language = (isinstance(spec, dict) and spec.get("language")) or (isinstance(info, dict) and info.get("name"))
    if language and str(language).lower() not in {"python", "ipython"}:
        raise UserFault(
            f"{name} is written in {language}; only Python's notebooks can be executed as they are. Save it as a "
            'script, or start it otherwise: "command": "..."',
            field="code",
        )


def _installs(content: dict[str, Any]) -> bool:
    holders = [content, *_objects(content, "worksheets")]  # cells were in worksheets until format 4
    cells = [cell for holder in holders for cell in _objects(holder, "cells")]
    sources = (cell.get("source", cell.get("input", "")) for cell in cells)
    lines = (line for source in sources for line in (source if isinstance(source, list) else str(source).splitlines()))
    return any(_INSTALLS.match(str(line)) for line in lines)


def _objects(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    listed = holder.get(name)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
