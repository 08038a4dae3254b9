"""Locks an environment: every package at one version with the hashes of its files, as a requirements file.

The same declaration, moment and interpreter give the same bytes. A lock that the project brings is used as it is.
"""

from __future__ import annotations

import hashlib
import platform
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from verbatim.documents import Document, FileRef, Moment
from verbatim.errors import NotFound, UserFault
from verbatim.store import layout
from verbatim_runner.environment import lock_text
from verbatim_runner.environment.as_of import resolve_from
from verbatim_runner.environment.cpu_builds import without_builds_for_cpu, without_cuda
from verbatim_runner.environment.resolver import Wish, resolve

if TYPE_CHECKING:
    from datetime import datetime

    from verbatim.stage import CodeRef
    from verbatim_runner.environment.declared import Declaration
    from verbatim_runner.environment.interpreters import Interpreter
    from verbatim_runner.project import Project
    from verbatim_runner.stage_context import StageContext

_FORMAT = "4"
"""Raised when the same declaration is locked otherwise than before."""


class Lock(Document):
    """A lock, and how it was come to.

    Attributes:
        file: The requirements file with hashes, a blob.
        python: What it is for, in full.
        as_of: Only releases up to then were considered.
        relaxed: Requirements whose pins were dropped.
        guessed: Requirements that nothing declares, without those that no index has.
    """

    file: FileRef
    python: str
    as_of: Moment | None = None
    relaxed: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()


def wish_of(declaration: Declaration, project: Project, interpreter: Interpreter) -> Wish:
    """Return what a declaration asks to be resolved; builds for the CPU come in by ``without_cuda`` alone."""
    lines = map(_without_comment, (*declaration.requirements, *declaration.added))
    imported = declaration.requirements if declaration.declared_by == "imports" else ()
    return Wish(
        declared_by=declaration.declared_by,
        project=project.directory,
        root=project.root,
        interpreter=interpreter,
        files=declaration.files,
        requirements=tuple(filter(None, lines)),
        constraints=(*declaration.constraints, *without_builds_for_cpu()),
        locked=declaration.locked,
        guessed=(*imported, *declaration.added),
    )


def lock_wish(context: StageContext, wish: Wish, committed_at: datetime | None) -> Lock:
    """Lock what a project declares, as of the moment that the conf asks for.

    Args:
        context: The stage's.
        wish: What the project declares.
        committed_at: The date of the code's last commit, if it has one.

    Raises:
        Refused: There is no solution.
        UserFault: ``as_of`` is "commit", and the code has no date.
    """
    indexes = lock_text.index_lines(wish.texts())  # before a build can touch them
    if wish.locked is not None:
        text = _lock_beside(context, wish, wish.locked)
    elif wish.files or wish.requirements:
        wish, text = _resolve_dated(context, wish, committed_at)
        text = without_cuda(context, wish, text)
    else:
        text = ""
    cleaned = lock_text.without_directories(text)
    if len(lock_text.blocks_in(cleaned)) < len(lock_text.blocks_in(text)):
        context.console.say("packages that lie in the code are not installed; they are used from there as if they were")
    file = context.store.put_bytes((indexes + cleaned).encode(), "requirements.lock")
    return Lock(file=file, python=wish.interpreter.version, as_of=wish.until, guessed=wish.guessed)


def find_known(context: StageContext, wish: Wish, code: CodeRef) -> Lock | None:
    """Return the lock that was made before of the same code as of the same date; "now" is always resolved anew."""
    if context.request.spec.environment.as_of == "now":
        return None
    try:
        return context.store.read(_index(context, wish, code), Lock)
    except NotFound:
        return None


def keep_known(context: StageContext, wish: Wish, code: CodeRef, lock: Lock) -> None:
    """Keep a lock for ``find_known``."""
    if context.request.spec.environment.as_of != "now":
        context.store.overwrite(_index(context, wish, code), lock.canonical())


def _resolve_dated(context: StageContext, wish: Wish, committed_at: datetime | None) -> tuple[Wish, str]:
    as_of = context.request.spec.environment.as_of
    if as_of == "now":
        return wish, resolve(context, wish)
    if as_of != "commit":
        wish = replace(wish, until=as_of)
        return wish, resolve(context, wish)
    if committed_at is None:
        raise UserFault(
            "'commit' asks for the date of the code's last commit, and this code has none; write a date instead: "
            '"environment": {"as_of": "2024-06-01"}', field="environment.as_of",
        )  # fmt: skip
    return resolve_from(context, wish, committed_at)


def _lock_beside(context: StageContext, wish: Wish, locked: str) -> str:
    """Take a project's own lock for this interpreter, with its hashes, and resolve beside it what it lacks."""
    lines = tuple(lock_text.joined_lines(locked))
    own = replace(wish, files=(), requirements=lines, constraints=without_builds_for_cpu(), options=("--no-deps",))
    text = lock_text.with_hashes_of(without_cuda(context, own, resolve(context, own)), locked)
    if not wish.requirements:
        return text
    pins = tuple(f"{name}=={version}" for name, version in lock_text.versions_in(text).items())
    beside = replace(wish, files=(), declared_by="what no declaration names", constraints=(*wish.constraints, *pins))
    return lock_text.with_packages_of(text, resolve(context, beside))


def _index(context: StageContext, wish: Wish, code: CodeRef) -> str:
    spec = context.request.spec
    subject = [
        _FORMAT, code.digest, spec.code.subdirectory, wish.declared_by, *wish.files, *wish.requirements,
        *wish.constraints, str(wish.locked), wish.interpreter.version, platform.machine(), str(spec.resources.gpus > 0),
        str(code.committed_at), spec.environment.model_dump_json(),
    ]  # fmt: skip
    return layout.index("locks", hashlib.sha256("\n".join(subject).encode()).hexdigest())


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s+)#.*$", "", line).strip()
