"""How projects declare their dependencies: one module each, the first that applies counts.

To know one more way, write a module with a ``detect`` function and add it to ``_DETECTORS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    requirements,
    uv_lock,
)
from verbatim_runner.environment.declared.interface import Declaration, PythonDemand
from verbatim_runner.environment.declared.python_version import find_python
from verbatim_runner.environment.declared.system_packages import find_system_packages

if TYPE_CHECKING:
    from verbatim.stage import Entry
    from verbatim_runner.project import Project

__all__ = ["Declaration", "PythonDemand", "find_declaration", "find_python", "find_system_packages"]

_DETECTORS = (
    entry_file.detect,
    uv_lock.detect,
    poetry_lock.detect,
    pipfile_lock.detect,
    pdm_lock.detect,
    requirements.detect,
    pyproject.detect,
    python_env.detect,
    conda.detect,
    inline.detect,
    pipfile.detect,
    above.detect,
    imports.detect,
)


def find_declaration(project: Project, entry: Entry) -> Declaration:
    """Return what a project depends on, by the first way of declaring it that the project uses, completed.

    Args:
        project: The project.
        entry: How training is started.

    Raises:
        UserFault: A file that declares dependencies cannot be read as what it is.
    """
    found = (detect(project, entry) for detect in _DETECTORS)
    declaration = next(declaration for declaration in found if declaration)
    return imports.complete(declaration, project, entry)
