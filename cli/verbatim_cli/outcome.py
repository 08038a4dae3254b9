"""How a run ended, as the exit code of the command that waited for it."""

from __future__ import annotations

from typing import Any

from verbatim.exit_codes import ExitCode

_CODES = {
    "user": ExitCode.USER_FAULT,
    "expectation": ExitCode.EXPECTATION_FAILED,
    "gate": ExitCode.GATE_FAILED,
    "stopped": ExitCode.STOPPED,
    "platform": ExitCode.PLATFORM_FAULT,
}
_BY_STATUS = {"succeeded": ExitCode.OK, "rejected": ExitCode.GATE_FAILED, "cancelled": ExitCode.STOPPED}


def exit_code_of(record: dict[str, Any]) -> ExitCode:
    """Return the exit code for a run that has ended (``verbatim.record.run_record``).

    One that Airflow gave up on while its own record still says running is the platform's fault.
    """
    if record["status"] in _BY_STATUS:
        return _BY_STATUS[record["status"]]
    kinds = [stage["error"]["kind"] for stage in record["stages"].values() if stage["error"]]
    return _CODES[kinds[-1]] if kinds else ExitCode.PLATFORM_FAULT
