"""A package that lies in the code, as its static files describe it: what installing it would bring about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from verbatim_runner.local_packages import pyproject, setup_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from verbatim_runner.local_packages.statement import EntryPoints, Statement

UNKNOWN_VERSION = "0"
"""Of a package whose version only a build can tell."""

_VERSION_MODULES = ("__init__.py", "_version.py", "version.py", "__version__.py", "__about__.py")
_VERSION_FILES = ("VERSION", "VERSION.txt", "version.txt")
_ASSIGNED = re.compile(r"""^__version__\s*(?::\s*\w+\s*)?=\s*["']([^"'\n]+)["']""", re.MULTILINE)
_READ_CHARS = 100_000


@dataclass(frozen=True)
class LocalPackage:
    """A package that lies in the code.

    Attributes:
        name: Of the distribution; None where only a build can tell.
        version: Normalised.
        import_roots: Directories that belong on Python's path, inside the code.
        renamed: Import name to the directory that it stands for, inside the code.
        entry_points: Group to name to ``module:object``, as they are written.
    """

    name: str | None
    version: str
    import_roots: tuple[Path, ...]
    renamed: Mapping[str, Path]
    entry_points: EntryPoints


def read_local_package(directory: Path, root: Path) -> LocalPackage | None:
    """Return the package that a directory describes; None where it describes none.

    Args:
        directory: The package's.
        root: The root of the code; no path that is returned lies outside it.
    """
    readers = (pyproject.read, setup_files.read_cfg, setup_files.read_script)
    said, *others = (read(directory) for read in readers)
    for other in others:
        said = said.completed_by(other)
    if not said.is_package or not (said.name or setup_files.calls_setup(directory)):
        return None
    name = _name(said.name)
    roots, renamed = _places(said, directory, root, name)
    version = _version(said.version, directory, roots, name)
    return LocalPackage(name, version, roots, renamed, said.entry_points)


def modules_in(directory: Path) -> LocalPackage:
    """Return what stands for modules that lie in a directory which describes no package."""
    return LocalPackage(None, UNKNOWN_VERSION, (directory,), {}, {})


def _name(name: str | None) -> str | None:
    try:
        return canonicalize_name(name or "", validate=True) and name
    except InvalidName:
        return None


def _places(said: Statement, directory: Path, root: Path, name: str | None) -> tuple[tuple[Path, ...], dict[str, Path]]:
    """Return where imports are looked for, and what goes by another name than its directory's."""
    roots = [place for text in said.roots if (place := _inside(directory / text, root))]
    renamed = {}
    for module, text in said.renamed.items():
        place = _inside(directory / text, root)
        if place and place.name == module:
            roots.append(place.parent)
        elif place:
            renamed[module] = place
    return tuple(dict.fromkeys(roots)) or (_usual_root(directory, name),), renamed


def _inside(place: Path, root: Path) -> Path | None:
    """Return a directory as its links lead to it, if it lies inside the code."""
    try:
        resolved = place.resolve()
        return resolved if resolved.is_dir() and resolved.is_relative_to(root.resolve()) else None
    except (OSError, ValueError, RuntimeError):
        return None


def _usual_root(directory: Path, name: str | None) -> Path:
    """Return ``src`` where packages lie in it, as build backends find it themselves; else the directory."""
    source = directory / "src"
    is_flat = name is not None and (directory / _module(name)).is_dir()
    return source if source.is_dir() and not is_flat and not (source / "__init__.py").exists() else directory


def _module(name: str) -> str:
    return canonicalize_name(name).replace("-", "_")


def _version(declared: str | None, directory: Path, roots: tuple[Path, ...], name: str | None) -> str:
    written = (text for file in _version_files(directory, roots, name) if (text := _written_version(file)))
    try:
        return str(Version(declared or next(written, UNKNOWN_VERSION)))
    except InvalidVersion:
        return UNKNOWN_VERSION


def _version_files(directory: Path, roots: tuple[Path, ...], name: str | None) -> Iterator[Path]:
    for root in roots:
        packages = sorted(path.parent for path in root.glob("*/__init__.py"))
        packages.sort(key=lambda package: package.name != _module(name or ""))
        yield from (package / file for package in packages for file in _VERSION_MODULES)
        if name:
            yield root / f"{_module(name)}.py"
    yield from (directory / file for file in _VERSION_FILES)


def _written_version(file: Path) -> str | None:
    try:
        with file.open(encoding="utf-8", errors="replace") as content:
            text = content.read(_READ_CHARS)
    except OSError:
        return None
    if file.suffix != ".py":
        return text.strip()
    found = _ASSIGNED.search(text)
    return found[1] if found else None
