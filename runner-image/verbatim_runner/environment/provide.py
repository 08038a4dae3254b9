"""Provides a run's environment: what the project declares is locked and built, relaxed where the conf allows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from verbatim.stage import EnvironmentRef
from verbatim_runner.environment.build import ensure_environment
from verbatim_runner.environment.declared import find_declaration, find_python
from verbatim_runner.environment.fitting_python import WHY, fitting_python
from verbatim_runner.environment.interpreters import choose_interpreter, find_interpreter
from verbatim_runner.environment.lock import find_known, keep_known, lock_wish, wish_of
from verbatim_runner.environment.relax import cautious, dropped, opened, relaxed
from verbatim_runner.environment.remedies import with_remedies
from verbatim_runner.environment.resolver import package_without_wheel
from verbatim_runner.environment.unknown import without_unknown
from verbatim_runner.environment.uv import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from verbatim.stage import CodeRef, Entry
    from verbatim_runner.environment.build import Environment
    from verbatim_runner.environment.interpreters import Interpreter
    from verbatim_runner.environment.lock import Lock
    from verbatim_runner.environment.resolver import Wish
    from verbatim_runner.project import Project
    from verbatim_runner.stage_context import StageContext


@dataclass(frozen=True)
class _Provided:
    interpreter: Interpreter
    lock: Lock
    environment: Environment


def provide_environment(context: StageContext, project: Project, entry: Entry, code: CodeRef) -> EnvironmentRef:
    """Lock and build the environment that a project asks for, and return what came of it.

    Args:
        context: The stage's.
        project: The project; a build may write into the code.
        entry: How training is started.
        code: The code's blob.

    Raises:
        UserFault: It cannot be had, with the resolver's reason and what to write into the conf.
        PlatformFault: The package index does not answer, or the disk is full.
    """
    demand = find_python(project, entry)
    declaration = find_declaration(project, entry)
    for notice in (*(demand.notices if demand else ()), *declaration.notices):
        context.warn(notice)
    wish = wish_of(declaration, project, choose_interpreter(context, demand))
    provided = _provide_known(context, wish, code) or _provide_anew(context, wish, code)
    lock, environment = provided.lock, provided.environment
    _tell(context, code, lock, environment)
    context.console.say(
        f"environment: {environment.packages} packages by {declaration.declared_by}, Python {environment.version}"
        f"{', there already' if environment.cached else ''}"
    )
    return EnvironmentRef(
        lock_digest=lock.file.sha256,
        lock_bytes=lock.file.size,
        python=environment.version,
        packages=environment.packages,
        declared_by=declaration.declared_by,
        cached=environment.cached,
        as_of=lock.as_of,
        added=tuple(line for line in declaration.added if line in lock.guessed),
        relaxed=lock.relaxed,
        local_packages=declaration.local,
        interpreter=provided.interpreter.why,
    )


def _tell(context: StageContext, code: CodeRef, lock: Lock, environment: Environment) -> None:
    follows = context.request.spec.environment.as_of == "commit"
    if follows and lock.as_of and code.committed_at and lock.as_of > code.committed_at:
        context.warn(
            f"the code is of {code.committed_at:%Y-%m-%d}; its dependencies are those of {lock.as_of:%Y-%m-%d}, the "
            f"first day at which all of them have wheels for Python {environment.version.rpartition('.')[0]}"
        )
    if lock.relaxed:
        context.warn(
            f"pins were dropped, since they cannot be installed (environment.relax): {', '.join(lock.relaxed)}"
        )


def _provide_known(context: StageContext, wish: Wish, code: CodeRef) -> _Provided | None:
    lock = find_known(context, wish, code)
    if lock is None:
        return None
    interpreter = wish.interpreter
    if interpreter.version != lock.python:
        interpreter = find_interpreter(context, lock.python).because(WHY)
    return _Provided(interpreter, lock, ensure_environment(context, lock.file.sha256, lock.python))


def _provide_anew(context: StageContext, wish: Wish, code: CodeRef) -> _Provided:
    """Provide what is declared: with the platform's own Python, else with one that has the wheels, else as relaxed."""
    try:
        provided = _attempt(context, cautious(wish), code.committed_at)
    except Refused as refused:
        if known := without_unknown(context, wish, refused):
            return _provide_anew(context, known, code)
        fitting = fitting_python(context, wish)
        if context.request.spec.environment.relax:
            provided = _relax(context, wish, fitting, refused, code.committed_at)
        else:
            provided = _build(context, wish, fitting, refused, code.committed_at)
    keep_known(context, wish, code, provided.lock)
    return provided


def _attempt(context: StageContext, wish: Wish, committed_at: datetime | None) -> _Provided:
    lock = lock_wish(context, wish, committed_at)
    return _Provided(wish.interpreter, lock, ensure_environment(context, lock.file.sha256, lock.python))


def _build(
    context: StageContext, wish: Wish, fitting: Interpreter | None, refused: Refused, committed_at: datetime | None
) -> _Provided:
    """Take the Python that fits, and build what has no wheel for it either."""
    if fitting is None and package_without_wheel(refused) is None:
        raise with_remedies(context, wish, refused, committed_at)
    wish = replace(wish, interpreter=fitting or wish.interpreter)
    try:
        return _attempt(context, wish, committed_at)
    except Refused as again:
        raise with_remedies(context, wish, again, committed_at) from None


def _relax(
    context: StageContext, declared: Wish, fitting: Interpreter | None, refused: Refused, committed_at: datetime | None
) -> _Provided:
    """Take the Python that fits, and drop pins that it cannot install either."""
    base = opened(replace(declared, interpreter=fitting or declared.interpreter))
    wish = base if fitting else relaxed(base, refused)
    while wish is not None:
        try:
            provided = _attempt(context, wish, committed_at)
        except Refused as again:
            refused = again
            wish = relaxed(wish, again)
        else:
            lock = provided.lock.model_copy(update={"relaxed": dropped(base, wish)})
            return replace(provided, lock=lock)
    raise with_remedies(context, declared, refused, committed_at)
