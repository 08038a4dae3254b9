"""Says why a command failed: the reason first, in the words of whoever knew it best."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verbatim.request import Resources
    from verbatim_runner.training.supervisor import Finished

FAILURE_CHARS = 1024
"""Of the failure file, as SageMaker reads it."""
SHOWN_LINES = 10
NOT_FOUND = 127

_TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([^'.]+)")


def explain(finished: Finished, argv: Sequence[str], *, reason: str, listing: str, resources: Resources) -> UserFault:
    """Return the fault that a failed command stands for.

    Args:
        finished: How it ended; not with 0.
        argv: The command.
        reason: What the command wrote as its failure reason; empty if it wrote none.
        listing: What the project holds, in words.
        resources: The limits that it ran under.
    """
    if finished.out_of_memory:
        return UserFault(
            f"the command was killed for want of memory; the limit is {resources.memory}. "
            "Set resources.memory higher, or hold less of the data at once.",
            field="resources.memory",
        )
    ending = f"{_shown(argv)} ended {_ending(finished.exit_code)}"
    if finished.exit_code == NOT_FOUND and not reason:
        said = next((line for line in reversed(finished.tail) if "not found" in line), _shown(argv))
        return UserFault(f"command not found: {said}; {listing}", field="command")
    if reason:
        return UserFault(f"{reason[:FAILURE_CHARS]}\n{ending}")
    if trace := _last_traceback(finished.tail):
        return UserFault(f"{trace}\n{ending}")
    lines = [line for line in finished.tail if line.strip()][-SHOWN_LINES:]
    said = "\n".join(lines) if lines else "it printed nothing"
    return UserFault(f"{ending}. Its last words:\n{said}")


def _ending(exit_code: int) -> str:
    number = -exit_code if exit_code < 0 else exit_code - 128
    if exit_code < 0 or exit_code > 128:
        try:
            return f"by signal {signal.Signals(number).name}"
        except ValueError:
            pass
    return f"with exit code {exit_code}"


def _shown(argv: Sequence[str]) -> str:
    text = " ".join(argv)
    return f"`{text if len(text) <= 200 else text[:199] + '…'}`"


def _last_traceback(lines: Sequence[str]) -> str | None:
    """Return the last traceback's error and where it was raised, or None where there is no traceback."""
    starts = [number for number, line in enumerate(lines) if line.strip().endswith(_TRACEBACK)]
    if not starts:
        return None
    frames = [match for line in lines[starts[-1] :] if (match := _FRAME.match(line))]
    body = lines[starts[-1] + 1 :]
    error = next((number for number, line in enumerate(body) if line and not line[0].isspace()), None)
    if error is None:
        return None
    message = "\n".join(body[error : error + 5]).rstrip()
    where = f"\nat {frames[-1]['file']}, line {frames[-1]['line']}" if frames else ""
    return f"{message}{where}{_hint(message)}"


def _hint(message: str) -> str:
    match = _NO_MODULE.search(message)
    return f"\nDeclare it: add the package that provides {match[1]!r} to requirements.txt." if match else ""
