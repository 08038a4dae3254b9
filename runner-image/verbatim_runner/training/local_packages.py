"""Makes packages that lie in the code importable, known and callable, as if they were installed from where they lie.

For each a directory of metadata (``importlib.metadata`` finds its version and entry points) and its commands, outside
the code. What the project writes of itself is data: a name that could lead elsewhere is left out. Nothing of it is run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from verbatim_runner.local_packages import modules_in, read_local_package, unpack_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from verbatim_runner.local_packages import LocalPackage
    from verbatim_runner.training.places import Places

_GROUP = re.compile(r"[\w.-]+")
_NAME = re.compile(r"[\w][\w. +-]*")
_OBJECT = re.compile(r"(?P<module>[\w.]+)(?:\s*:\s*(?P<attribute>[\w.]+))?(?:\s*\[[\w\s,.-]*\])?")
_COMMAND = re.compile(r"[A-Za-z0-9_][\w.+-]*")
_COMMANDS = frozenset({"console_scripts", "gui_scripts"})
_SCRIPT = """#!/usr/bin/env python
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({attribute}())
"""


@dataclass(frozen=True)
class LocalPath:
    """What brings local packages to a command.

    Attributes:
        imports: Directories for Python's path, in their order.
        commands: Directories for the path of programs.
    """

    imports: tuple[Path, ...] = ()
    commands: tuple[Path, ...] = ()


def place_local_packages(places: Places, directories: Iterable[str]) -> LocalPath:
    """Lay out what stands for the installation of packages that lie in the code.

    Args:
        places: The directories of the stage; the code is laid out.
        directories: The packages', and those of modules that belong to none, seen from the root of the code; wheels.

    Raises:
        UserFault: A wheel is none.
    """
    root = places.source.resolve()
    found = [_read(root / name, root, places) for name in directories if (root / name).exists()]
    if not found:
        return LocalPath()
    for directory in (places.installed, places.commands):
        directory.mkdir(parents=True, exist_ok=True)
    for package in found:
        _place(package, places)
    roots = dict.fromkeys(place for package in found for place in package.import_roots)
    return LocalPath((places.installed, *roots), (places.commands,))


def _read(place: Path, root: Path, places: Places) -> LocalPackage:
    if place.is_file():
        return unpack_wheel(place, places.wheels / place.stem)
    return read_local_package(place, root) or modules_in(place)


def _place(package: LocalPackage, places: Places) -> None:
    for module, directory in package.renamed.items():
        if not (places.installed / module).exists():
            (places.installed / module).symlink_to(directory)
    entry_points = _readable(package.entry_points)
    if package.name:
        _write_metadata(package.name, package.version, entry_points, places.installed)
    for group in _COMMANDS & entry_points.keys():
        for name, called in entry_points[group].items():
            _write_command(places.commands / name, called)


def _readable(entry_points: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return those entry points that are what they should be; a command has to be a plain file name."""
    return {
        group: {
            name: called
            for name, called in entries.items()
            if (_COMMAND if group in _COMMANDS else _NAME).fullmatch(name) and _OBJECT.fullmatch(called)
        }
        for group, entries in entry_points.items()
        if _GROUP.fullmatch(group)
    }


def _write_metadata(name: str, version: str, entry_points: Mapping[str, Mapping[str, str]], target: Path) -> None:
    """Write what pip would write of an installation.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    directory = target / f"{canonicalize_name(name).replace('-', '_')}-{version}.dist-info"
    if directory.exists():
        return
    directory.mkdir()
    groups = (
        "\n".join([f"[{group}]", *(f"{name} = {called}" for name, called in entries.items()), ""])
        for group, entries in entry_points.items()
    )
    (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (directory / "entry_points.txt").write_text("\n".join(groups))
    (directory / "INSTALLER").write_text("verbatim\n")
    (directory / "RECORD").write_text("")


def _write_command(file: Path, called: str) -> None:
    found = _OBJECT.fullmatch(called)
    if found is None or not found["attribute"] or file.exists():
        return
    attribute = found["attribute"]
    file.write_text(_SCRIPT.format(module=found["module"], first=attribute.partition(".")[0], attribute=attribute))
    file.chmod(0o755)
