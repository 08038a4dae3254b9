"""The interpreter that a project demands, by the files that name one. Reads files and runs nothing.

A version to the patch is taken as its minor version: what was written by a tool of one machine is meant so.
"""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from verbatim_runner.environment.declared import conda, entry_file, inline, python_env
from verbatim_runner.environment.declared.interface import PythonDemand
from verbatim_runner.environment.declared.pipfile_lock import read_pipfile_lock
from verbatim_runner.environment.declared.poetry import specifier_of
from verbatim_runner.environment.declared.requirements_file import decode
from verbatim_runner.environment.declared.toml_file import read_toml
from verbatim_runner.environment.declared.uv_lock import find_lock
from verbatim_runner.environment.declared.yaml_file import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

_PLAIN = re.compile(r"^(?:c?python[-@ ]?)?(3\.\d+)(?:\.[\dx*]+)?$", re.IGNORECASE)
_EXACT = re.compile(r"^(?:===?\s*(?P<one>3\.\d+)(?:\.\d+)?|~=\s*(?P<about>3\.\d+)\.\d+)$")
_IN_REQUIREMENTS = re.compile(r"^python\s*(?P<version>[<>=!~].*?)\s*(?:#.*)?$", re.MULTILINE | re.IGNORECASE)
_IN_SETUP = re.compile(r"python_requires\s*=\s*[\"']([^\"']+)[\"']")


def detect(project: Project, entry: Entry) -> PythonDemand | None:
    """Return the interpreter that the project demands, by the first file that names one.

    Args:
        project: The project.
        entry: How training is started.

    Raises:
        UserFault: A file that may name one cannot be read as what it is.
    """
    for declared_by, text in _named(project, entry):
        if specifier := _specifier(text):
            return PythonDemand(specifier=specifier, declared_by=declared_by)
    return None


def _named(project: Project, entry: Entry) -> Iterator[tuple[str, str | None]]:
    """Give what each file says, in the order in which they count; nothing is read that is not asked for."""
    directory = project.directory
    if entry.declared_in and entry.declared_in.endswith((".yaml", ".yml")):
        named = entry_file.file_of(project, entry.declared_in)
        yield (
            entry.declared_in,
            conda.python_of(named) if entry_file.is_conda(named) else read_yaml(named).get("python"),
        )
    if script := inline.read_metadata(project, entry):
        yield f"{script[0]} (inline metadata)", script[1].get("requires-python")
    for place in dict.fromkeys((directory, project.root)):
        yield "runtime.txt", _first_line(place / "runtime.txt", r"^python-")
        yield ".python-version", _first_line(place / ".python-version", "")
    yield from _of_tools(project)
    if name := next((name for name in python_env.NAMES if (directory / name).is_file()), None):
        yield name, read_yaml(directory / name).get("python")
    if file := conda.find_file(directory):
        yield file.name, conda.python_of(file)
    if (file := directory / "requirements.txt").is_file() and (
        found := _IN_REQUIREMENTS.search(decode(file.read_bytes()))
    ):
        yield "requirements.txt", found["version"]


def _of_tools(project: Project) -> Iterator[tuple[str, str | None]]:
    pyproject = read_toml(project.directory / "pyproject.toml") or {}
    yield "requires-python of pyproject.toml", pyproject.get("project", {}).get("requires-python")
    poetry = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
    yield "python of pyproject.toml", specifier_of(poetry) if isinstance(poetry, str) else None
    if lock := find_lock(project):
        yield "requires-python of uv.lock", lock[1].get("requires-python")
    if pipfile := read_toml(project.directory / "Pipfile"):
        yield "Pipfile", _of_pipenv(pipfile.get("requires", {}))
    if pipfile_lock := read_pipfile_lock(project.directory):
        yield "Pipfile.lock", _of_pipenv(pipfile_lock.get("_meta", {}).get("requires", {}))
    yield "setup.cfg", _of_setup_cfg(project.directory / "setup.cfg")
    if (setup := project.directory / "setup.py").is_file():
        found = _IN_SETUP.search(decode(setup.read_bytes()))
        yield "setup.py", found[1] if found else None


def _of_pipenv(requires: dict[str, str]) -> str | None:
    return requires.get("python_full_version") or requires.get("python_version")


def _of_setup_cfg(file: Path) -> str | None:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(decode(file.read_bytes()))
    except (OSError, configparser.Error):
        return None
    return parser.get("options", "python_requires", fallback=None)


def _first_line(file: Path, begins: str) -> str | None:
    """Return the first line of a file that names an interpreter of ours; other tools write others' names there, too."""
    if not file.is_file():
        return None
    lines = (line.partition("#")[0].strip() for line in decode(file.read_bytes()).splitlines())
    return next((line for line in lines if re.match(begins, line) and _PLAIN.match(line)), None)


def _specifier(text: str | None) -> str | None:
    """Return what a file says as a specifier; None if it bounds nothing or is not one."""
    text = (text or "").strip()
    if plain := _PLAIN.match(text):
        return f"=={plain[1]}.*"
    clauses = [clause.strip() for clause in text.split(",") if clause.strip() not in {"", "*"}]
    try:
        return str(SpecifierSet(",".join(map(_without_patch, clauses)))) or None
    except InvalidSpecifier:
        return None


def _without_patch(clause: str) -> str:
    found = _EXACT.match(clause)
    return f"=={found['one'] or found['about']}.*" if found else clause
