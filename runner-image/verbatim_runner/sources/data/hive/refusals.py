"""Turns what a HiveServer2 says of an error into one of ours: whose fault, and the one line that says why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault, UserFault

if TYPE_CHECKING:
    from collections.abc import Iterable

_USER_STATES = ("0A", "21", "22", "28", "42", "46", "54", "56")
"""Classes of SQLSTATE that the query, its data or its rights are the reason of; Hive gives 42000 for most."""
_STATED = re.compile(r"\bSQLSTATE: ([0-9A-Z]{5})")
"""Where Spark says it of an error that comes among the rows."""
_WRAPPING = re.compile(r"^(?:\*?[\w.$]*(?:Exception|Error|Throwable)\b:\s*|Error (?:running query|while \w+ \w+):\s*)+")
_ERROR_CLASS = re.compile(r"\[[A-Z][A-Z0-9_.]+\] (?!org\.)")
MAX_CHARS = 600


def fault_of(
    message: str | None, sql_state: str | None, name: str, secrets: Iterable[str], *, field: str
) -> UserFault | PlatformFault:
    """Return the error that a server's status stands for.

    Args:
        message: The server's.
        sql_state: The server's; the first two characters tell whose fault it is.
        name: What was asked, in words, such as ``the query on hive_lake``.
        secrets: What must not be told, should the server repeat it.
        field: The conf field of the query.
    """
    told = f"{name} fails: {_meaning(message or 'the server does not say why', secrets)}"
    stated = _STATED.search(message or "")
    if (sql_state or (stated[1] if stated else "")).startswith(_USER_STATES):
        return UserFault(told, field=field)
    return PlatformFault(told, field=field)


def _meaning(message: str, secrets: Iterable[str]) -> str:
    """Return the first line without the exceptions that it is wrapped in; with Spark from its error class on."""
    text = message.strip()
    for secret in secrets:
        text = text.replace(secret, "***")
    line = text.split("\n", 1)[0].strip()
    classes = list(_ERROR_CLASS.finditer(line))
    if classes:
        return line[classes[-1].start() :][:MAX_CHARS]
    return (_WRAPPING.sub("", line) or line)[:MAX_CHARS]
