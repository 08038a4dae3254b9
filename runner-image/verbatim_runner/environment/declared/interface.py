"""What every way of declaring dependencies, or an interpreter, comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Declaration:
    """A project's dependencies, as the resolver takes them.

    Attributes:
        declared_by: What they were read from, in the record's words.
        files: What only the resolver can read, since a build backend has to be asked (``pyproject.toml`` with dynamic
            dependencies, ``setup.py``); relative to the project.
        requirements: Lines of a requirements file, each a requirement (a relative path is seen from the project), an
            index (``--index-url``, ``--extra-index-url``, ``--find-links``) or ``--no-binary`` and its like; no ``-r``
            and no ``-c``, which are read already.
        constraints: Requirements that bound versions and install nothing (``-c``).
        locked: The project's own lock, as a requirements file in which every package has one version (with markers and
            hashes where the project's lock has them); what it lacks is resolved beside it.
        added: Requirements that no declaration names and the code imports; resolved with the others.
        local: Directories of packages that lie in the code, and those above the project that it imports from, seen
            from the root of the code: what is in them is not installed, but found as if it were.
        notices: What the user should know of how it was read, each a sentence.
    """

    declared_by: str
    files: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    locked: str | None = None
    added: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class PythonDemand:
    """The interpreter that a project demands.

    Attributes:
        specifier: As packaging's ``SpecifierSet`` reads it, such as ``==3.8.*`` or ``>=3.9,<3.12``.
        declared_by: What it was read from, in the record's words, such as ``runtime.txt``.
        notices: What the user should know of how it was read, each a sentence.
    """

    specifier: str
    declared_by: str
    notices: tuple[str, ...] = ()
