"""Dependencies in ``python_env.yaml``, as MLflow writes it beside models and in projects.

https://mlflow.org/docs/latest/ml/projects/#python-virtual-environments
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.requirements_file import read_requirement_lines
from verbatim_runner.environment.declared.yaml_file import list_in, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

NAMES = ("python_env.yaml", "python_env.yml")
_OF_EVERY_ENVIRONMENT = ("pip", "setuptools", "wheel", "virtualenv")


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has the file.

    Raises:
        UserFault: It is not YAML, or includes a file that the code does not have.
    """
    name = next((name for name in NAMES if (project.directory / name).is_file()), None)
    return declaration_of(project.directory / name, project, declared_by=name) if name else None


def declaration_of(file: Path, project: Project, *, declared_by: str) -> Declaration:
    """Return what a file declares: what is needed to run, and of what is needed to build, all but the tools for it.

    Raises:
        UserFault: It is not YAML, or includes a file that the code does not have.
    """
    content = read_yaml(file)
    lines = [str(line) for key in ("build_dependencies", "dependencies") for line in list_in(content, key, file)]
    wanted = [line for line in lines if not line.strip().startswith(_OF_EVERY_ENVIRONMENT)]
    listing = read_requirement_lines(wanted, file, project)
    return Declaration(
        declared_by=declared_by,
        requirements=tuple(listing.requirements),
        constraints=tuple(listing.constraints),
        notices=tuple(listing.notices),
    )
