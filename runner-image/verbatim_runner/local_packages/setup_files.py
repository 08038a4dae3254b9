"""What ``setup.cfg`` says of the package beside it, and ``setup.py`` where it writes it out. The script is not run."""

from __future__ import annotations

import ast
import configparser
from typing import TYPE_CHECKING, Any

from verbatim_runner.local_packages.statement import (
    Statement,
    entry_points_of,
    text_of,
    texts_of,
    with_package_dirs,
)

if TYPE_CHECKING:
    from pathlib import Path

_FINDERS = frozenset({"find_packages", "find_namespace_packages"})


def read_cfg(directory: Path) -> Statement:
    """Return what ``setup.cfg`` says; an empty statement where there is none."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string((directory / "setup.cfg").read_bytes().decode("utf-8-sig", "replace"))
    except (OSError, configparser.Error):
        return Statement()
    version = parser.get("metadata", "version", fallback=None)
    found = parser["options.entry_points"] if parser.has_section("options.entry_points") else {}
    statement = Statement(
        name=parser.get("metadata", "name", fallback=None),
        version=version if version and not version.startswith(("attr:", "file:")) else None,
        roots=texts_of(parser.get("options.packages.find", "where", fallback=None)),
        entry_points=entry_points_of(dict(found)),
    )
    lines = parser.get("options", "package_dir", fallback="").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    with_package_dirs(statement, {name.strip(): place.strip() for name, _, place in pairs})
    return statement


def read_script(directory: Path) -> Statement:
    """Return what ``setup.py`` writes out as arguments of ``setup``; an empty statement where there is none."""
    arguments = _arguments(directory / "setup.py")
    entry_points = arguments.get("entry_points")
    if isinstance(entry_points, str):
        parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            parser.read_string(entry_points)
            entry_points = {group: dict(parser[group]) for group in parser.sections()}
        except configparser.Error:
            entry_points = None
    statement = Statement(
        name=text_of(arguments.get("name")),
        version=text_of(arguments.get("version")),
        roots=texts_of(arguments.get("packages where")),
        entry_points=entry_points_of(entry_points),
    )
    with_package_dirs(statement, arguments.get("package_dir"))
    return statement


def calls_setup(directory: Path) -> bool:
    """Return whether a directory has a ``setup.py`` that describes a package."""
    tree = _parsed(directory / "setup.py")
    return tree is not None and any(map(_is_setup, ast.walk(tree)))


def _arguments(script: Path) -> dict[str, Any]:
    """Return the arguments of ``setup`` that are constants, or names that are given one constant."""
    tree = _parsed(script)
    call = next((node for node in ast.walk(tree) if _is_setup(node)), None) if tree else None
    if tree is None or not isinstance(call, ast.Call):
        return {}
    constants = {
        part.targets[0].id: part.value
        for part in tree.body
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
    }
    found = {}
    for keyword in call.keywords:
        value = constants.get(keyword.value.id) if isinstance(keyword.value, ast.Name) else keyword.value
        if keyword.arg == "packages" and isinstance(value, ast.Call) and _called(value) in _FINDERS:
            where = [*value.args[:1], *(inner.value for inner in value.keywords if inner.arg == "where")]
            found["packages where"] = _constant(where[0]) if where else None
        elif keyword.arg and value is not None:
            found[keyword.arg] = _constant(value)
    return found


def _parsed(script: Path) -> ast.Module | None:
    try:
        return ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_setup(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called(node) == "setup"


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _constant(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
