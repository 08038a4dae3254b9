"""The conf's own command: nothing has to be found then."""

from __future__ import annotations

import re
import shlex

from verbatim.errors import UserFault
from verbatim.stage import Entry

_SHELL_SYNTAX = re.compile(r"[|&;<>()$`*?\[\]~#\n]|^\s*\w+=")


def entry_of_command(command: str | list[str]) -> Entry:
    """Return how a command of the conf is started.

    Args:
        command: Parameters are appended to it unless it places them itself (``{parameters.…}``), or is a shell text in
            which there is no telling where they belong.

    Raises:
        UserFault: It is no command line.
    """
    text = command if isinstance(command, str) else shlex.join(command)
    places = "{parameters" in text
    if isinstance(command, list):
        argv = tuple(command)
    elif _SHELL_SYNTAX.search(command):
        found_by = "the conf's command, run by a shell; no parameters are appended: {parameters.name} places one"
        return Entry(argv=("sh", "-c", command), appends_parameters=False, found_by=found_by)
    else:
        argv = _split(command)
    return Entry(argv=argv, appends_parameters=not places, found_by="the conf's command")


def _split(command: str) -> tuple[str, ...]:
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise UserFault(f"expected a command line; got {command!r} ({error})", field="command") from None
    if not argv:
        raise UserFault("expected a command line; got only white space", field="command")
    return argv
