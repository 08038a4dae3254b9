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
        locked: The project's own lock, as a requirements file in which every package has one version (with markers and
            hashes where the project's lock has them); what it lacks is resolved beside it.
        added: Requirements that no declaration names and the code imports; resolved with the others.
    """

    declared_by: str
    files: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    locked: str | None = None
    added: tuple[str, ...] = ()
