"""Whose fault it is that a repository cannot be read, and what mends it; told from what git says, in English."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault, UserFault
from verbatim.git import without_credentials

if TYPE_CHECKING:
    from verbatim.errors import VerbatimError

_REFUSED = re.compile(
    r"could not read (Username|Password)|Authentication failed|Permission denied \(|terminal prompts disabled"
    r"|returned error: 40[13]|Host key verification failed|error in libcrypto|invalid format",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    r"not found|does not exist|does not appear to be a git repository|returned error: 404|is this a git repository",
    re.IGNORECASE,
)
_BUSY = re.compile(r"returned error: (429|5\d\d)|early EOF|RPC failed|remote end hung up unexpectedly", re.IGNORECASE)


def is_refusal(message: str) -> bool:
    """Return whether git was told that it may not read the repository."""
    return bool(_REFUSED.search(message))


def is_absence(message: str) -> bool:
    """Return whether there is no repository at the URL, or none that may be known of."""
    return bool(_ABSENT.search(message)) and not is_refusal(message)


def is_overload(message: str) -> bool:
    """Return whether the server answered that it cannot serve anybody now, or broke off."""
    return bool(_BUSY.search(message)) and not is_refusal(message) and not is_absence(message)


def fault_of(message: str, url: str, connection: str | None) -> VerbatimError:
    """Return the error of a repository that was there when the run was pinned and cannot be fetched now.

    Args:
        message: What git says.
        url: The repository.
        connection: The one that its login came from, if one did.
    """
    shown = without_credentials(url)
    if is_refusal(message):
        return UserFault(f"{shown} refuses {_login(connection)}: {message}", field="code.connection")
    return PlatformFault(f"the code could not be fetched from {shown}: {message}")


def login_hint(connection: str | None) -> str:
    """Return what mends a refusal."""
    if connection:
        return f"Correct the login of the Airflow connection {connection!r}; see docs/code.md."
    return 'Private code needs a login: {"code": {"url": "…", "connection": "NAME"}}; see docs/code.md.'


def _login(connection: str | None) -> str:
    return f"the login of the connection {connection!r}" if connection else "to be read without a login"
