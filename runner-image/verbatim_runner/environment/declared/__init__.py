"""How projects declare their dependencies: one module each, the first that applies counts.

To know one more way, write a module with a ``detect`` function and add it to ``_DETECTORS``, where it counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from verbatim.errors import UserFault
from verbatim_runner.environment.declared import (
    above,
    conda,
    entry_file,
    imports,
    inline,
    pdm_lock,
    pipfile,
    pipfile_lock,
    poetry_lock,
    pyproject,
    python_env,
    python_version,
    requirements,
    uv_lock,
)
from verbatim_runner.environment.declared.interface import Declaration, PythonDemand
from verbatim_runner.environment.declared.system_packages import find_system_packages
from verbatim_runner.local_packages import find_local_packages

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

__all__ = ["Declaration", "PythonDemand", "find_declaration", "find_python", "find_system_packages"]

_Found = TypeVar("_Found")
_DETECTORS: dict[str, Callable[[Project, Entry], Declaration | None]] = {
    "the file that the entry names": entry_file.detect,
    "uv.lock": uv_lock.detect,
    "poetry.lock": poetry_lock.detect,
    "Pipfile.lock": pipfile_lock.detect,
    "pdm.lock": pdm_lock.detect,
    "requirements.txt": requirements.detect,
    "pyproject.toml": pyproject.detect,
    "python_env.yaml": python_env.detect,
    "the conda environment": conda.detect,
    "the script's inline metadata": inline.detect,
    "Pipfile": pipfile.detect,
    "a declaration above the project": above.detect,
}


def find_declaration(project: Project, entry: Entry) -> Declaration:
    """Return what a project depends on, by the first way of declaring it that the project uses, completed.

    Args:
        project: The project.
        entry: How training is started.

    Raises:
        UserFault: A file that declares dependencies cannot be read as what it is.
    """
    found = (_read(name, detect, project, entry) for name, detect in _DETECTORS.items())
    declaration = next((declaration for declaration in found if declaration), None)
    return imports.complete(_with_local(declaration, project), project, entry)


def find_python(project: Project, entry: Entry) -> PythonDemand | None:
    """Return the interpreter that the project demands, by the first file that names one.

    Args:
        project: The project.
        entry: How training is started.

    Raises:
        UserFault: A file that may name one cannot be read as what it is.
    """
    return _read("a file that names the interpreter", python_version.detect, project, entry)


def _with_local(declaration: Declaration | None, project: Project) -> Declaration:
    """Add the packages that lie in the code; where nothing is declared, dependencies are left to the imports."""
    found = declaration or Declaration(declared_by="imports")
    lines = (*found.requirements, *(found.locked or "").splitlines())
    return replace(found, local=find_local_packages(project, lines))


def _read(
    name: str, detect: Callable[[Project, Entry], _Found | None], project: Project, entry: Entry
) -> _Found | None:
    """Detect, and say of a file that parses but has other things in it than its tool writes that it is the user's."""
    try:
        return detect(project, entry)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserFault(f"{name} is not of the form that its tool writes ({what})", field="code") from error
