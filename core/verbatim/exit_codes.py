"""Exit codes of the runner and of the ``verbatim`` command: which failures are final and which are worth a retry."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a finished process says about its stage.

    Final codes are never retried; ``PLATFORM_FAULT`` is (75 is ``EX_TEMPFAIL`` of sysexits.h). ``NEEDS_PACKAGES`` is
    between runner and engine alone: the stage is to be run again in an image that has apt.txt's packages.
    """

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    USER_FAULT = 65
    NOT_FOUND = 66
    STOPPED = 74
    PLATFORM_FAULT = 75
    NEEDS_PACKAGES = 76
    EXPECTATION_FAILED = 80
    GATE_FAILED = 81

    @property
    def is_final(self) -> bool:
        """Whether a retry could not change the outcome."""
        return self in _FINAL


_FINAL = frozenset(
    {ExitCode.USER_FAULT, ExitCode.NOT_FOUND, ExitCode.EXPECTATION_FAILED, ExitCode.GATE_FAILED, ExitCode.STOPPED}
)
