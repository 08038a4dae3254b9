"""Locks and requirements as text: what is in one, and what of it is left out. Reads and writes no file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(\[[^]]*\])?\s*(==\s*(?P<version>[^\s;\\]+)|@)")
_PLAIN_LINE = re.compile(
    r"(#.*|(-i|--index-url|--extra-index-url|-f|--find-links)[\s=]+https?://\S+|--hash[\s=]\S+"
    r"|[A-Za-z0-9][\w.-]*\s*(\[[\w\s,.-]*\])?\s*(\(?[<>=!~][^@#;:/]*)?(;[^@#]*)?(\s#.*)?)?$"
)
_INDEX_LINE = re.compile(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links)[\s=]+\S+://\S+", re.MULTILINE)
_HASH = re.compile(r"--hash[\s=](\S+)")


def packages_in(lock: str) -> list[str]:
    """Return the names of a lock's packages, in its order."""
    return [match["name"] for line in lock.splitlines() if (match := _PACKAGE.match(line))]


def versions_in(lock: str) -> dict[str, str]:
    """Return the version of each of a lock's packages by its normalised name; those from a URL have none."""
    matches = (_PACKAGE.match(line) for line in lock.splitlines())
    return {canonicalize_name(match["name"]): match["version"] for match in matches if match and match["version"]}


def has_all_hashes(lock: str) -> bool:
    """Return whether every package of a lock has a hash; one from a version control URL has a commit instead."""
    return all("--hash=" in block for block in blocks_in(lock) if _PACKAGE.match(block))


def names_packages_alone(requirements: str) -> bool:
    """Return whether every line of a requirements file names a package or an index, and none a directory or URL.

    An editable one is built even where uv is told to build nothing, and other files may name some.
    """
    return all(_is_plain(line) for line in requirements.splitlines())


def index_lines(texts: Iterable[str]) -> str:
    """Return the package indexes that requirements name: the lock is installed from them as well."""
    return "".join(f"{match[0].strip()}\n" for text in texts for match in _INDEX_LINE.finditer(text))


def without_directories(lock: str) -> str:
    """Leave out directories, such as the project itself (``-e .``); their dependencies stay.

    A directory has no hash: what is in it changes while the lock, by which environments are found again, does not.
    """
    return "".join(block for block in blocks_in(lock) if _PACKAGE.match(block) and " @ file:" not in block)


def without_packages(lock: str, prefixes: tuple[str, ...]) -> str:
    """Leave out the packages whose names begin so."""
    return "".join(block for block in blocks_in(lock) if not block.startswith(prefixes))


def with_packages_of(lock: str, other: str) -> str:
    """Add the packages of another lock that the first one lacks, and keep the order of names."""
    have = {canonicalize_name(name) for name in packages_in(lock)}
    more = [
        block
        for block in blocks_in(other)
        if (match := _PACKAGE.match(block)) and canonicalize_name(match["name"]) not in have
    ]
    return "".join(sorted([*filter(_PACKAGE.match, blocks_in(lock)), *more], key=str.lower))


def with_hashes_of(lock: str, given: str) -> str:
    """Keep of each package's hashes only those that another lock of the same version has, where it has any."""
    known = {_pin(line): set(_HASH.findall(line)) for line in joined_lines(given)}
    return "".join(_restricted(block, known.get(_pin(block)) or set()) for block in blocks_in(lock))


def joined_lines(lock: str) -> list[str]:
    """Return a lock's lines, each package with its hashes on one."""
    return [
        line.strip() for line in lock.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")
    ]


def blocks_in(lock: str) -> list[str]:
    """Split a lock into its packages, each with its hashes."""
    return [block for block in re.split(r"(?m)^(?=\S)", lock) if block.strip()]


def _is_plain(line: str) -> bool:
    text = re.sub(r"\s--hash[\s=]\S+", "", line.strip().removesuffix("\\").strip())
    return bool(_PLAIN_LINE.match(text.strip()))


def _pin(block: str) -> tuple[str, str | None]:
    match = _PACKAGE.match(block)
    return (canonicalize_name(match["name"]), match["version"]) if match else ("", None)


def _restricted(block: str, hashes: set[str]) -> str:
    if not hashes:
        return block
    head = block.partition(" \\\n")[0].strip()
    return " \\\n    ".join([head, *(f"--hash={value}" for value in sorted(hashes))]) + "\n"
