"""What one file says of a package. Files that say less than others are completed by them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

EntryPoints = dict[str, dict[str, str]]
"""Group to name to ``module:object``."""


@dataclass
class Statement:
    """What one file says of a package; nothing of it is checked.

    Attributes:
        name: Of the distribution.
        version: Where it is written out.
        roots: Directories that would be on Python's path, seen from the package's.
        renamed: Import name to the directory that it stands for.
        entry_points: Its commands (``console_scripts``), and what other packages find by name.
        is_package: False where the file says that this is no package, only an application.
    """

    name: str | None = None
    version: str | None = None
    roots: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    entry_points: EntryPoints = field(default_factory=dict)
    is_package: bool = True

    def completed_by(self, other: Statement) -> Statement:
        """Return this one, with what it leaves open taken from another."""
        return Statement(
            name=self.name or other.name,
            version=self.version or other.version,
            roots=self.roots or other.roots,
            renamed=self.renamed or other.renamed,
            entry_points=self.entry_points or other.entry_points,
            is_package=self.is_package and other.is_package,
        )


def text_of(value: Any) -> str | None:
    """Return a value that is text; None of any other."""
    return value if isinstance(value, str) else None


def texts_of(value: Any) -> tuple[str, ...]:
    """Return the texts of a list, or the one text that is no list."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(part for part in values if isinstance(part, str))


def with_package_dirs(statement: Statement, package_dir: Any) -> None:
    """Add what setuptools calls ``package_dir``: import name to directory, the empty name standing for all."""
    for name, place in package_dir.items() if isinstance(package_dir, dict) else ():
        if not isinstance(place, str):
            continue
        if name == "":
            statement.roots = (place, *statement.roots)
        elif isinstance(name, str) and name.isidentifier():
            statement.renamed[name] = place


def entry_points_of(table: Any) -> EntryPoints:
    """Return entry points as setuptools takes them: by group, each a mapping or lines ``name = module:object``."""
    found: EntryPoints = {}
    for group, entries in table.items() if isinstance(table, dict) else ():
        if isinstance(entries, dict):
            pairs = [(name, value) for name, value in entries.items() if isinstance(value, str)]
        else:
            lines = [line for text in texts_of(entries) for line in text.splitlines() if "=" in line]
            pairs = [(line.partition("=")[0].strip(), line.partition("=")[2].strip()) for line in lines]
        if pairs:
            found[str(group)] = dict(pairs)
    return found
