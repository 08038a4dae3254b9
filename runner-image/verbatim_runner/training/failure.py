"""Says why a command failed: the reason first, in the words of whoever knew it best; last, what to try."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.training.advice import Background, advise
from verbatim_runner.training.reasons import find_reason
from verbatim_runner.training.system_libraries import advise_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verbatim.request import Resources
    from verbatim_runner.training.supervisor import Finished

FAILURE_CHARS = 1024
"""Of the failure file, as SageMaker reads it."""
SHOWN_LINES = 10
NOT_FOUND = 127


def explain(
    finished: Finished,
    argv: Sequence[str],
    *,
    reason: str,
    listing: str,
    resources: Resources,
    background: Background,
) -> UserFault:
    """Return the fault that a failed command stands for.

    Args:
        finished: How it ended; not with 0.
        argv: The command.
        reason: What the command wrote as its failure reason; empty if it wrote none.
        listing: What the project holds, in words.
        resources: The limits that it ran under.
        background: What is known of its code and environment.
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
        return UserFault(f"command not found: {said}; {advise_program(said) or listing}", field="command")
    found = find_reason(finished.tail)
    last_words = "\n".join([line for line in finished.tail if line.strip()][-SHOWN_LINES:])
    advice = advise(f"{reason}\n{found.message if found else last_words}", background)
    if reason:
        told = [reason[:FAILURE_CHARS], ending]
    elif found and found.where:
        told = [found.message, found.where, ending]
    elif found:
        told = [found.message, f"{ending}. Its last words:", last_words]
    else:
        told = [f"{ending}. Its last words:", last_words or "it printed nothing"]
    return UserFault("\n".join([*told, *advice]))


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
