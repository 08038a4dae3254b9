"""Resolves requirements to one version of each package, with wheels wherever there are wheels.

What has no wheel at all is the only thing that is taken as source, apart from the host's cache (see ``uv``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from verbatim.errors import UserFault
from verbatim_runner.environment.indexes import private_indexes
from verbatim_runner.environment.lock_text import names_packages_alone
from verbatim_runner.environment.private_git import restored, with_local_copies
from verbatim_runner.environment.source_only import source_only_options
from verbatim_runner.environment.uv import WHEELS_ONLY, Refused, run_uv, run_uv_apart

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from verbatim_runner.environment.interpreters import Interpreter
    from verbatim_runner.stage_context import StageContext

_LOGIN_REFUSED = re.compile(r"\b(401 Unauthorized|403 Forbidden)\b|authentication credentials")
_NEEDS_WHEELS = re.compile(r"Wheels are required for `([^`]+)` because building from source is disabled")


@dataclass(frozen=True)
class Wish:
    """What is to be resolved, and for what.

    Attributes:
        declared_by: What it was read from, in the record's words.
        project: The project's directory, from which relative paths are seen.
        root: The root of the code, in which a build may write.
        interpreter: What it is resolved for.
        files: What a build backend has to be asked about, relative to the project.
        requirements: Lines of a requirements file.
        constraints: Bounds on versions.
        overrides: Requirements that replace every other one of their names.
        excluded: Names that are left out, wherever they are required.
        until: Only releases up to then count; None: all.
        options: More of uv's.
        locked: The project's own lock, which counts as it is; the requirements are resolved beside it.
        may_build: Whether a package, by its name, may be built from source where no wheel of it fits.
        guessed: Requirements that nothing declares: read from what the code imports.
    """

    declared_by: str
    project: Path
    root: Path
    interpreter: Interpreter
    files: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    until: datetime | None = None
    options: tuple[str, ...] = ()
    locked: str | None = None
    may_build: Callable[[str], bool] = lambda _: True
    guessed: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """Return what of it is text in the form of a requirements file."""
        return [
            *self.requirements,
            *self.constraints,
            *(self._read(name) for name in self.files if name.endswith(".txt")),
        ]

    @property
    def is_plain(self) -> bool:
        """Whether nothing but packages' names has to be resolved, so that no code runs where nothing is built."""
        return all(name.endswith(".txt") for name in self.files) and all(map(names_packages_alone, self.texts()))

    def _read(self, name: str) -> str:
        return (self.project / name).read_text(errors="replace")


def resolve(context: StageContext, wish: Wish) -> str:
    """Return a lock's packages with the hashes of their files.

    Args:
        context: The stage's.
        wish: What is to be resolved.

    Raises:
        Refused: There is no solution.
        UserFault: A package of a private index has no wheel.
        PlatformFault: The index does not answer.
    """
    if not wish.is_plain:
        lines, copies = with_local_copies(context, wish.requirements)
        context.isolation.give_to_trainer(wish.root)
        command = _command(context, replace(wish, requirements=lines))
        return restored(run_uv_apart(context, *command, cwd=wish.project, purpose=_purpose(wish)), copies)
    built: list[str] = []
    while True:
        arguments = [
            *_command(context, wish),
            *WHEELS_ONLY,
            *source_only_options(context.work_dir),
            *(part for name in built for part in ("--no-binary", name)),
        ]
        try:
            return (run_uv_apart if built else run_uv)(context, *arguments, cwd=wish.project, purpose=_purpose(wish))
        except Refused as refused:
            name = package_without_wheel(refused)
            if name is None or name in built or not wish.may_build(name):
                raise _plainly(context, refused, built) from None
            built.append(name)


def package_without_wheel(refused: Refused) -> str | None:
    """Return the package that the resolver could have taken as source only."""
    match = _NEEDS_WHEELS.search(refused.said)
    return canonicalize_name(match[1]) if match else None


def _command(context: StageContext, wish: Wish) -> tuple[str, ...]:
    listed = context.work_dir / "requirements.in"
    listed.write_text("".join(f"{line}\n" for line in wish.requirements))
    files = (*wish.files, str(listed)) if wish.requirements else wish.files
    bounds: list[str] = []
    more = (("--constraints", wish.constraints), ("--overrides", wish.overrides), ("--excludes", wish.excluded))
    for option, lines in more:
        if lines:
            file = context.work_dir / f"requirements{option}.in"
            file.write_text("".join(f"{line}\n" for line in lines))
            bounds += [option, str(file)]
    dated = ("--exclude-newer", wish.until.isoformat()) if wish.until else ()
    return (
        "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header", "--no-strip-extras",
        "--python", wish.interpreter.path, *dated, *wish.options, *bounds, *files,
    )  # fmt: skip


def _purpose(wish: Wish) -> str:
    return f"resolving {wish.declared_by}"


def _plainly(context: StageContext, refused: Refused, built: list[str]) -> UserFault:
    """Say it where the reason is that a private index did not let uv in; a build is not logged in at all."""
    if not _LOGIN_REFUSED.search(refused.said):
        return refused
    private = next((index for index in private_indexes(context) if index.url in refused.said), None)
    if private and not built:
        return UserFault(
            f"the package index {private.url} refuses the login of the connection {private.connection!r}; correct it",
            field="environment.indexes",
        )
    if private:
        return UserFault(
            f"{', '.join(built)} has no wheel for this Python and would have to be built from source. That runs its "
            "code, so it is done without the login of a private index, and what comes from one cannot be had then. "
            "Put a wheel of it on the index", field="environment.indexes",
        )  # fmt: skip
    return refused
