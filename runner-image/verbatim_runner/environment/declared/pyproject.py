"""Dependencies in ``pyproject.toml``, or in the ``setup.py`` or ``setup.cfg`` before it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.environment.declared.interface import Declaration

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project


def detect(laid_out: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has one of the files, and it describes more than tools' settings.

    Raises:
        UserFault: ``pyproject.toml`` is not TOML.
    """
    project = laid_out.directory
    if _describes_project(project / "pyproject.toml"):
        return Declaration(declared_by="pyproject.toml", files=("pyproject.toml",))
    name = next((name for name in ("setup.py", "setup.cfg") if (project / name).is_file()), None)
    return Declaration(declared_by=name, files=(name,)) if name else None


def _describes_project(file: Path) -> bool:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserFault(f"pyproject.toml is not readable as TOML: {error}", field="code") from None
    return "project" in content or "poetry" in content.get("tool", {})
