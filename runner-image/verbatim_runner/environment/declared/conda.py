"""Dependencies in a conda environment file: its pip section as it is, its packages by their names on PyPI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.environment.declared.conda_names import conda_requirement, has_no_equivalent, split_spec
from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.requirements_file import read_requirement_lines
from verbatim_runner.environment.declared.system_packages import find_system_packages
from verbatim_runner.environment.declared.yaml_file import list_in, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

NAMES = ("conda.yaml", "conda.yml", "environment.yml", "environment.yaml", "conda_env.yaml", "conda_env.yml")
_LEFT_OUT = re.compile(r"(\S+) is left out: (.*)")


def detect(project: Project, _entry: Entry) -> Declaration | None:
    """Return the declaration if the project has such a file.

    Raises:
        UserFault: It is not YAML, or names a package that is not to be had from PyPI.
    """
    file = find_file(project.directory)
    return declaration_of(file, project, declared_by=file.name) if file else None


def find_file(directory: Path) -> Path | None:
    """Return a directory's conda environment file, if it has one."""
    return next((directory / name for name in NAMES if (directory / name).is_file()), None)


def declaration_of(file: Path, project: Project, *, declared_by: str) -> Declaration:
    """Return what a conda environment file declares.

    Raises:
        UserFault: It is not YAML, or names a package that is not to be had from PyPI.
    """
    specs, pip_lines = _dependencies(file)
    _refuse_what_is_not_there(specs, file, project)
    requirements, notices = [], []
    for spec in (spec for spec in specs if not has_no_equivalent(spec)):
        requirement, notice = conda_requirement(spec)
        requirements += [requirement] if requirement else []
        notices += [notice] if notice else []
    listing = read_requirement_lines(pip_lines, file, project)
    return Declaration(
        declared_by=declared_by,
        requirements=tuple(dict.fromkeys([*requirements, *listing.requirements])),
        constraints=tuple(listing.constraints),
        notices=(*_in_one(notices), *listing.notices),
    )


def python_of(file: Path) -> str | None:
    """Return the version of Python that a conda environment file asks for, as PEP 440 says it; None if it does not.

    Raises:
        UserFault: It is not YAML.
    """
    specs, _ = _dependencies(file)
    return next((version for name, version in map(split_spec, specs) if name == "python" and version), None)


def _dependencies(file: Path) -> tuple[list[str], list[str]]:
    """Return the packages of conda, and the lines of the pip section."""
    specs, pip_lines = [], []
    for dependency in list_in(read_yaml(file), "dependencies", file):
        if isinstance(dependency, dict):
            pip_lines += [str(line) for line in list_in(dependency, "pip", file)]
        elif str(dependency).strip():
            specs.append(str(dependency))
    return specs, pip_lines


def _refuse_what_is_not_there(specs: list[str], file: Path, project: Project) -> None:
    """Fail for a package that has no like on PyPI, unless ``apt.txt`` brings it."""
    by_apt = find_system_packages(project)
    names = [split_spec(spec)[0] for spec in specs if has_no_equivalent(spec)]
    refused = [name for name in names if not _is_covered(name, by_apt)]
    if not refused:
        return
    example = f"r-cran-{refused[0].removeprefix('r-')}" if refused[0].startswith("r-") else refused[0]
    verb = "is" if len(refused) == 1 else "are"
    raise UserFault(
        f"{file.name} names {', '.join(refused)}, which {verb} not on PyPI and cannot be installed. If Debian has it, "
        f"name it in apt.txt (such as {example}); if training does without it, take it out of {file.name}",
        field="code",
    )


def _is_covered(name: str, by_apt: tuple[str, ...]) -> bool:
    return name in by_apt or f"r-cran-{name.removeprefix('r-')}" in by_apt


def _in_one(notices: list[str]) -> list[str]:
    """Say what was left out for the same reason in one sentence."""
    by_reason: dict[str, list[str]] = {}
    others = []
    for notice in notices:
        if found := _LEFT_OUT.fullmatch(notice):
            by_reason.setdefault(found[2], []).append(found[1])
        else:
            others.append(notice)
    return [f"{', '.join(names)}: left out: {reason}" for reason, names in by_reason.items()] + others
