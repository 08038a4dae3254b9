"""Dependencies in the file that the entry itself names, as an ``MLproject`` does. It comes before all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.environment.declared import conda, python_env, requirements
from verbatim_runner.environment.declared.yaml_file import list_in, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.environment.declared.interface import Declaration
    from verbatim_runner.project import Project


def detect(project: Project, entry: Entry) -> Declaration | None:
    """Return the declaration in the file that the entry names, if it names one.

    Raises:
        UserFault: The file is not there, or cannot be read as what it is.
    """
    if entry.declared_in is None:
        return None
    file = file_of(project, entry.declared_in)
    if file.suffix == ".txt":
        return requirements.declaration_of(file, project, declared_by=entry.declared_in)
    declaration_of = conda.declaration_of if is_conda(file) else python_env.declaration_of
    return declaration_of(file, project, declared_by=entry.declared_in)


def file_of(project: Project, name: str) -> Path:
    """Return the file that an entry names.

    Raises:
        UserFault: It is not in the code.
    """
    file = project.directory / name
    if not file.is_file() or not file.resolve().is_relative_to(project.root.resolve()):
        raise UserFault(f"the entry names {name} for its dependencies; the code has no such file", field="code")
    return file


def is_conda(file: Path) -> bool:
    """Return whether a YAML file is one of conda, rather than a ``python_env.yaml``.

    Raises:
        UserFault: It is not YAML.
    """
    content = read_yaml(file)
    if "python" in content or "build_dependencies" in content:
        return False
    has_pip = any(isinstance(part, dict) for part in list_in(content, "dependencies", file))
    return has_pip or "channels" in content or "python_env" not in file.name
