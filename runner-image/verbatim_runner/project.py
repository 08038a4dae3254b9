"""The user's project as a stage reads it: where it lies and what the conf says of it. Nothing of it is run here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verbatim_runner.sources.workspace import unpack_code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from verbatim.fields import Parameter
    from verbatim.stage import CodeRef
    from verbatim_runner.stage_context import StageContext


@dataclass(frozen=True)
class Project:
    """A project, laid out to be read.

    Attributes:
        directory: The project's directory: where its command runs.
        root: The root of the whole code tree, the same or above it.
        file: The one notebook or script that the conf's code names, seen from ``directory``.
        command: The conf's.
        entry_point: The conf's: which of the project's own ways to start.
        parameters: The conf's; placeholders not yet filled in.
    """

    directory: Path
    root: Path
    file: str | None = None
    command: str | list[str] | None = None
    entry_point: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @classmethod
    def lay_out(cls, context: StageContext, code: CodeRef) -> Project:
        """Unpack a run's code into the stage's work directory.

        Raises:
            UserFault: The code has no such subdirectory.
        """
        spec = context.request.spec
        root = context.work_dir / "code"
        return cls(
            directory=unpack_code(context, code, spec.code.subdirectory, root),
            root=root,
            file=spec.code.file,
            command=spec.command,
            entry_point=spec.entry_point,
            parameters=spec.parameters,
        )
