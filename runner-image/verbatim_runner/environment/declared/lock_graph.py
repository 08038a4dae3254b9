"""Which packages of a lock a project needs, and on which Python: locks of several tools come to one text here.

A lock is for many systems at once; here it is read for Linux on this machine's processor, and for each minor version of
Python, so that every package that is written out has at most a marker on that. Reads and resolves nothing.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MINORS = tuple(range(6, 21))
_PUBLIC_INDEX = "https://pypi.org/simple"


@dataclass(frozen=True)
class Edge:
    """One package needs another.

    Attributes:
        name: The other's name, canonical.
        version: Which one of several, where the lock says so.
        specifier: Which ones of several, where it does not.
        marker: When; always if empty.
        extras: What is asked of the other.
    """

    name: str
    version: str | None = None
    specifier: str = ""
    marker: str = ""
    extras: frozenset[str] = frozenset()


@dataclass
class LockedPackage:
    """A package at one version.

    Attributes:
        name: Canonical.
        version: Empty where the lock has none.
        requirement: As a requirements file names it; None for the project itself and its like, which are not installed.
        hashes: ``sha256:…``.
        edges: What it needs.
        by_extra: What it needs further, by extra.
        marker: When this one of several counts; always if empty.
        for_extras: The extras that this entry alone is about.
    """

    name: str
    version: str
    requirement: str | None
    hashes: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    by_extra: dict[str, tuple[Edge, ...]] = field(default_factory=dict)
    marker: str = ""
    for_extras: frozenset[str] = frozenset()


def requirements_of(packages: Sequence[LockedPackage], roots: Iterable[Edge], python: str) -> str:
    """Return a requirements file with all packages that the roots lead to.

    Args:
        packages: The lock's.
        roots: What the project itself needs.
        python: The interpreters that the lock is for, as a specifier; empty for all.
    """
    minors = _minors_in(python)
    roots = tuple(roots)
    reached = {minor: _reach(packages, roots, environment(minor)) for minor in minors}
    lines = []
    for index, package in enumerate(packages):
        needing = [minor for minor in minors if index in reached[minor]]
        if needing and package.requirement:
            lines.append(line_of(package, marker="" if needing == minors else _marker_of(needing, minors)))
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def line_of(package: LockedPackage, *, marker: str) -> str:
    """Return a package as a line of a requirements file."""
    condition = f" ; {marker}" if marker else ""
    return " ".join([f"{package.requirement}{condition}", *(f"--hash={value}" for value in package.hashes)])


def index_lines(urls: Iterable[str]) -> str:
    """Return the lines that name further package indexes; the public one is that of the platform."""
    kept = dict.fromkeys(url for url in urls if url and url.rstrip("/") != _PUBLIC_INDEX)
    return "".join(f"--extra-index-url {url}\n" for url in kept)


def environment(minor: int) -> dict[str, str]:
    """Return what markers are about, for Python ``3.<minor>`` on this machine."""
    return {
        "implementation_name": "cpython", "implementation_version": f"3.{minor}.99", "os_name": "posix",
        "platform_machine": platform.machine(), "platform_python_implementation": "CPython", "platform_release": "",
        "platform_system": "Linux", "platform_version": "", "python_full_version": f"3.{minor}.99",
        "python_version": f"3.{minor}", "sys_platform": "linux",
    }  # fmt: skip


def _minors_in(python: str) -> list[int]:
    try:
        allowed = SpecifierSet(python)
    except InvalidSpecifier:
        return list(_MINORS)
    found = [minor for minor in _MINORS if allowed.contains(f"3.{minor}.99") or allowed.contains(f"3.{minor}.0")]
    return found or list(_MINORS)


def _reach(packages: Sequence[LockedPackage], roots: Sequence[Edge], where: dict[str, str]) -> set[int]:
    by_name: dict[str, list[int]] = {}
    for index, package in enumerate(packages):
        by_name.setdefault(package.name, []).append(index)
    reached: set[tuple[int, str]] = set()
    waiting = [(edge, frozenset[str]()) for edge in roots]
    while waiting:
        edge, extras = waiting.pop()
        if not _holds(edge.marker, where, extras):
            continue
        for index in _chosen(packages, by_name.get(edge.name, []), edge, where):
            package = packages[index]
            for extra in {"", *edge.extras} - {extra for at, extra in reached if at == index}:
                reached.add((index, extra))
                asked = frozenset({extra} - {""})
                further = package.by_extra.get(extra, ()) if extra else ()
                waiting += [(onward, asked) for onward in (*package.edges, *further)]
    return {index for index, _ in reached}


def _chosen(packages: Sequence[LockedPackage], candidates: list[int], edge: Edge, where: dict[str, str]) -> list[int]:
    """Return the one package that an edge means, and what the lock lists of it by extra."""
    fitting = [
        index
        for index in candidates
        if edge.version in {None, packages[index].version}
        and _contains(edge.specifier, packages[index].version)
        and _holds(packages[index].marker, where, frozenset())
    ]
    whole = [index for index in fitting if not packages[index].for_extras]
    return whole[:1] + [index for index in fitting if packages[index].for_extras & edge.extras]


def _holds(marker: str, where: dict[str, str], extras: frozenset[str]) -> bool:
    if not marker:
        return True
    try:
        parsed = Marker(marker)
        return any(parsed.evaluate({**where, "extra": canonicalize_name(extra)}) for extra in extras or {""})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return True


def _contains(specifier: str, version: str) -> bool:
    try:
        return not specifier or not version or SpecifierSet(specifier).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True


def _marker_of(needing: list[int], minors: list[int]) -> str:
    """Return the condition that an interpreter is among some of those that a lock is for."""
    spans: list[list[int]] = []
    for minor in needing:
        if spans and minor == spans[-1][-1] + 1:
            spans[-1].append(minor)
        else:
            spans.append([minor])
    parts = []
    for span in spans:
        lower = [f"python_version >= '3.{span[0]}'"] if span[0] > minors[0] else []
        upper = [f"python_version < '3.{span[-1] + 1}'"] if span[-1] < minors[-1] else []
        parts.append(" and ".join(lower + upper))
    return " or ".join(f"({part})" if len(parts) > 1 else part for part in parts)
