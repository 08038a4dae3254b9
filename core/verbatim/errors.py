"""The tree of errors. One root, and a hard line between the user's faults and the platform's.

::

    VerbatimError
    ├── UserFault              the user's code, data or conf; final, never retried
    │   ├── RequestError       the conf, with all its problems at once
    │   ├── ExpectationFailed  a Great Expectations suite
    │   └── GateFailed         a gate
    ├── Stopped                cancel, timeout, signal; never a success, not retried by itself
    ├── NotFound               a run, model or document that is not there
    └── PlatformFault          store unreachable, disk full, daemon lost; retried with backoff
        └── ContractError      a missing or garbled stage result
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from verbatim.exit_codes import ExitCode
from verbatim.problems import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verbatim.problems import Problem

MAX_MESSAGE_CHARS = 4000
MAX_LINE_CHARS = 300


class VerbatimError(Exception):
    """Root of all errors that Verbatim raises on purpose.

    Args:
        message: What happened, what was expected and what to do, in plain words. Cut at ``MAX_MESSAGE_CHARS``; what no
            database or JSON reader takes (NUL, lone surrogates) is shown escaped.
        field: The conf field (``data.train.s3.uri``) or other subject at fault, if one is.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, field: str | None = None) -> None:
        text = printable(message)
        self.message = text if len(text) <= MAX_MESSAGE_CHARS else text[: MAX_MESSAGE_CHARS - 2] + " …"
        self.field = field if field is None else printable(field)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by message and field: LocalExecutor sends errors through a queue; one that cannot be read kills it."""
        return (_rebuild, (type(self), self.message, self.field))


def first_line(error: Exception, said: str | None = None) -> str:
    """Return in one line, for a message of ours, what another library's exception says.

    Args:
        error: Its name stands for one that says nothing.
        said: Its words, where they are not its text.
    """
    lines = (str(error) if said is None else said).strip().splitlines()
    return (lines or [type(error).__name__])[0][:MAX_LINE_CHARS]


def _rebuild(kind: type[VerbatimError], message: str, field: str | None) -> VerbatimError:
    error = kind.__new__(kind)
    VerbatimError.__init__(error, message, field=field)
    return error


class UserFault(VerbatimError):
    """The user's code, data or conf is at fault."""

    exit_code = ExitCode.USER_FAULT


class RequestError(UserFault):
    """A conf that cannot be run, with all its problems at once."""

    problems: tuple[Problem, ...] = ()

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        noun = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        listed = (f"  - {problem}" for problem in self.problems)
        super().__init__("\n".join([f"The conf has {noun} (docs/conf.md describes every key):", *listed]))


class ExpectationFailed(UserFault):
    """A data snapshot does not meet its expectation suite."""

    exit_code = ExitCode.EXPECTATION_FAILED


class GateFailed(UserFault):
    """A run's metrics do not meet its gates."""

    exit_code = ExitCode.GATE_FAILED


class Stopped(VerbatimError):
    """The run was stopped (cancel, timeout, signal, out of memory): never a success."""

    exit_code = ExitCode.STOPPED


class NotFound(VerbatimError):
    """A run, a model or a document is not there."""

    exit_code = ExitCode.NOT_FOUND


class PlatformFault(VerbatimError):
    """The platform is at fault; the same stage may succeed when it is tried again."""

    exit_code = ExitCode.PLATFORM_FAULT


class ContractError(PlatformFault):
    """A stage ended without a result, or with one that cannot be read."""
