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

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from verbatim.exit_codes import ExitCode

if TYPE_CHECKING:
    from pydantic import ValidationError

MAX_MESSAGE_CHARS = 4000


class VerbatimError(Exception):
    """Root of all errors that Verbatim raises on purpose.

    Args:
        message: What happened, what was expected and what to do, in plain words. Cut at ``MAX_MESSAGE_CHARS``.
        field: The conf field (``data.train.s3.uri``) or other subject at fault, if one is.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, field: str | None = None) -> None:
        self.message = message if len(message) <= MAX_MESSAGE_CHARS else message[: MAX_MESSAGE_CHARS - 2] + " …"
        self.field = field
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by message and field: LocalExecutor sends errors through a queue, and one that cannot be read kills it."""
        return (_rebuild, (type(self), self.message, self.field))


def _rebuild(kind: type[VerbatimError], message: str, field: str | None) -> VerbatimError:
    error = kind.__new__(kind)
    VerbatimError.__init__(error, message, field=field)
    return error


class UserFault(VerbatimError):
    """The user's code, data or conf is at fault."""

    exit_code = ExitCode.USER_FAULT


class Problem(BaseModel):
    """One thing that is wrong with a conf."""

    model_config = ConfigDict(frozen=True)

    field: str
    expected: str
    got: str
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.field}: expected {self.expected}; got {self.got}."
        return f"{text} {self.hint}" if self.hint else text


class RequestError(UserFault):
    """A conf that cannot be run, with all its problems at once."""

    problems: tuple[Problem, ...] = ()

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        noun = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"The conf has {noun}:", *(f"  - {problem}" for problem in self.problems)]))


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


def problems_of(error: ValidationError, prefix: str = "") -> list[Problem]:
    """Translate pydantic's findings into problems in plain words.

    Args:
        error: What a document's validation raised.
        prefix: Put before every field, with a dot.

    Returns:
        One problem a finding, in pydantic's order; inputs are shown shortened to 120 characters.
    """
    problems = []
    for finding in error.errors(include_url=False):
        where = ".".join(str(part) for part in finding["loc"] if not _is_union_branch(str(part)))
        field = ".".join(part for part in (prefix, where) if part) or "conf"
        shown = repr(finding.get("input"))
        got = "nothing" if finding["type"] == "missing" else (shown if len(shown) <= 120 else shown[:119] + "…")
        hint = None
        expected = finding["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        expected = expected.removeprefix("Input should be ").removeprefix("a valid ")
        if finding["type"] == "extra_forbidden":
            expected, got = "a known key", f"the unknown key {str(finding['loc'][-1])!r}"
            hint = "Remove it or correct its spelling; docs/conf.md lists every key."
        elif finding["type"] == "missing":
            expected = "a value"
        problems.append(Problem(field=field, expected=expected, got=got, hint=hint))
    return problems


def _is_union_branch(part: str) -> bool:
    return part.startswith(("function-", "lax-or-strict", "constrained-")) or "[" in part
