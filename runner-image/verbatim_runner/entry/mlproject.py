"""MLflow projects: the entry points of an ``MLproject`` file, with their parameters.

Source of the rules: mlflow/mlflow, ``mlflow/projects/_project_spec.py``. A command is a ``str.format`` template that
bash runs; the values in it are quoted, and parameters that are not declared follow as ``--key value``.
"""

from __future__ import annotations

import shlex
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.entry.interface import Candidate, read_text
from verbatim_runner.training.arguments import without_sagemakers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from verbatim.fields import Parameter
    from verbatim_runner.project import Project

MAIN = "main"
_DEFAULT_ENVIRONMENTS = ("python_env.yaml", "conda.yaml")
_OURS = ("channels.", "files.", "parameters.", "places.")


@dataclass(frozen=True)
class _Parameter:
    name: str
    kind: str
    default: Parameter


def detect(project: Project) -> list[Candidate]:
    """Return the entry point ``main``, or the only one; all, where there is no telling.

    Raises:
        UserFault: The file cannot be read, or a parameter is missing or wrong.
    """
    declared = names(project)
    if chosen := MAIN if MAIN in declared else declared[0] if len(declared) == 1 else None:
        return [Candidate(_entry(project, chosen), f'"entry_point": "{chosen}"')]
    return [
        Candidate(
            Entry(argv=(), appends_parameters=False, found_by=f"the entry point {name} of MLproject"),
            f'"entry_point": "{name}"',
        )
        for name in declared
    ]


def pick(project: Project, name: str) -> Entry | None:
    """Return how the entry point that ``entry_point`` names is started; None where none is called so.

    Raises:
        UserFault: The file cannot be read, or a parameter is missing or wrong.
    """
    return _entry(project, name) if name in names(project) else None


def names(project: Project) -> list[str]:
    """Return the entry points.

    Raises:
        UserFault: The file cannot be read.
    """
    return [name for name, point in _mapping(_content(project).get("entry_points")).items() if _command(point)]


def declared_in(project: Project) -> str | None:
    """Return the file that declares the dependencies of an MLflow project.

    Raises:
        UserFault: The file cannot be read, or names a file that is not there.
    """
    if _file(project) is None:
        return None
    content = _content(project)
    named = content.get("python_env") or content.get("conda_env")
    if named is None:
        there = (name for name in _DEFAULT_ENVIRONMENTS if (project.directory / name).is_file())
        return None if content.get("docker_env") else next(there, None)
    path = (project.directory / str(named)).resolve()
    if not path.is_file() or not path.is_relative_to(project.root.resolve()):
        raise UserFault(f"expected the environment file that MLproject names in the code; got {named!r}", field="code")
    return str(named)


def _entry(project: Project, name: str) -> Entry:
    content = _content(project)
    point = _mapping(_mapping(content["entry_points"])[name])
    declared = [_parameter(key, value) for key, value in _mapping(point.get("parameters")).items()]
    given = without_sagemakers(project.parameters)
    _demand_values(declared, given, name)
    known = {parameter.name for parameter in declared}
    extra = [f"--{shlex.quote(key)} {{parameters.{key}}}" for key in given if key not in known]
    command = " ".join([_as_template(str(_command(point)), known, name), *extra])
    found_by = f"the entry point {name} of MLproject"
    if content.get("docker_env"):
        found_by += ", whose docker_env is not used: the platform's own image runs it"
    return Entry(
        argv=("bash", "-c", command),
        appends_parameters=False,
        found_by=found_by,
        defaults={parameter.name: parameter.default for parameter in declared if parameter.default is not None},
        paths=tuple(parameter.name for parameter in declared if parameter.kind == "path"),
    )


def _demand_values(declared: list[_Parameter], given: Mapping[str, Parameter], name: str) -> None:
    missing = [one for one in declared if one.default is None and given.get(one.name) is None]
    if missing:
        listed = ", ".join(f"{one.name} ({one.kind})" for one in missing)
        raise UserFault(
            f"the entry point {name} of MLproject needs a value for {listed}: "
            f'"parameters": {{"{missing[0].name}": ...}}. A channel is "{{channels.NAME}}" or "{{files.NAME}}"',
            field=f"parameters.{missing[0].name}",
        )
    for one in declared:
        value = given.get(one.name, one.default)
        if one.kind == "float" and one.name in given and not _is_number(value):
            raise UserFault(f"expected a number (float in MLproject); got {value!r}", field=f"parameters.{one.name}")
        if one.kind == "uri" and not _is_placeholder(value) and not urlsplit(str(value)).scheme:
            raise UserFault(f"expected a URI (uri in MLproject); got {value!r}", field=f"parameters.{one.name}")


def _as_template(command: str, declared: set[str], name: str) -> str:
    """Return a command with MLflow's ``{alpha}`` as ``{parameters.alpha}``."""
    parts = []
    try:
        for literal, field, _spec, _conversion in string.Formatter().parse(command.strip()):
            parts.append(literal)
            if field is None:
                continue
            if field not in declared and not field.startswith(_OURS):
                known = ", ".join(sorted(declared)) or "none"
                raise UserFault(
                    f"the command of MLproject's entry point {name} names {{{field}}}, which is no parameter of it "
                    f"({known}); a brace of its own is written twice",
                    field="code",
                )
            parts.append(f"{{{field}}}" if field.startswith(_OURS) else f"{{parameters.{field}}}")
    except ValueError as error:
        raise UserFault(
            f"the command of MLproject's entry point {name} is no template: {error}", field="code"
        ) from None
    return "".join(parts)


def _parameter(name: str, declared: Any) -> _Parameter:
    if isinstance(declared, str):
        return _Parameter(name, declared, None)
    content = _mapping(declared)
    default = content.get("default")
    plain = default if default is None or isinstance(default, bool | int | float | str) else str(default)
    return _Parameter(name, str(content.get("type", "string")), plain)


def _command(point: Any) -> Any:
    return _mapping(point).get("command")


def _content(project: Project) -> dict[str, Any]:
    file = _file(project)
    if file is None:
        return {}
    try:
        return _mapping(yaml.safe_load(read_text(file)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none is a ValueError
        raise UserFault(f"{file.name} is not readable as YAML: {' '.join(str(error).split())}", field="code") from None


def _file(project: Project) -> Path | None:
    files = sorted(path for path in project.directory.iterdir() if path.name.lower() == "mlproject")
    return next((file for file in files if file.is_file()), None)


def _mapping(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _is_number(value: Parameter) -> bool:
    try:
        float(str(value))
    except ValueError:
        return _is_placeholder(value)
    return True


def _is_placeholder(value: Parameter) -> bool:
    return isinstance(value, str) and value.startswith(tuple(f"{{{kind}" for kind in _OURS))
