"""What every way of declaring dependencies comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Declaration:
    """A project's dependencies, as the resolver takes them.

    Attributes:
        declared_by: What they were read from, in the record's words.
        files: What ``uv pip compile`` reads, relative to the project.
        requirements: Requirement lines, where there is no such file. With neither, there is no dependency.
    """

    declared_by: str
    files: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
