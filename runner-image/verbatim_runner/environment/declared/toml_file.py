"""Reads TOML files of a project; one that is not TOML is the user's fault, and says where."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from pathlib import Path


def read_toml(file: Path) -> dict[str, Any] | None:
    """Return what a file says; None if there is none.

    Raises:
        UserFault: It is not TOML.
    """
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError):
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserFault(f"{file.name} is not readable as TOML: {error}", field="code") from None


def texts_in(table: dict[str, Any], key: str, file: str) -> list[str]:
    """Return the list of texts that a table has under a key; an empty one if it has nothing there.

    Raises:
        UserFault: There is something else.
    """
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(part, str) for part in found):
        raise UserFault(f'expected a list of texts under {key} in {file}, such as {key} = ["numpy"]', field="code")
    return found
