"""What a project is found to be before anything of it is run or installed: what ``verbatim inspect`` shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from verbatim.documents import Document
from verbatim.spec import PinnedCode
from verbatim.stage import CodeRef, Entry, StageError


class FoundDependencies(Document):
    """What the project depends on, before it is resolved."""

    declared_by: str = Field(description="what it was read from: requirements.txt, uv.lock, imports, …")
    requirements: tuple[str, ...] = Field(
        (), description="as they are declared, where they can be read without a build"
    )
    locked: bool = Field(False, description="whether the project brings a lock of its own")
    local: tuple[str, ...] = Field((), description="directories of packages that lie in the code, seen from its root")
    added: tuple[str, ...] = Field((), description="what no declaration names and the code imports, or its start needs")


class FoundPython(Document):
    """The interpreter."""

    demanded: str | None = Field(None, description="versions that the project demands, such as ==3.8.*; None: any")
    declared_by: str | None = Field(None, description="the file that demands it")
    version: str | None = Field(description="the one of this machine that is taken; None: one would have to be fetched")


class Inspection(Document):
    """What was found. Each part is None where its problem is among ``problems``."""

    schema_version: Literal[1] = 1
    pinned: PinnedCode
    code: CodeRef
    entry: Entry | None
    dependencies: FoundDependencies | None
    python: FoundPython | None
    system_packages: tuple[str, ...] | None = Field(description="Debian packages of apt.txt")
    warnings: tuple[str, ...]
    problems: tuple[StageError, ...]
