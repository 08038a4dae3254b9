"""Reads YAML files of a project as text alone; one that is not a mapping is the user's fault, and says where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from verbatim.errors import UserFault
from verbatim_runner.environment.declared.requirements_file import decode

if TYPE_CHECKING:
    from pathlib import Path


def read_yaml(file: Path) -> dict[str, Any]:
    """Return what a file says, in text, lists and mappings: ``python: 3.10`` is not the number 3.1.

    Raises:
        UserFault: It is not YAML, or not a mapping.
    """
    try:
        content = yaml.load(decode(file.read_bytes()), Loader=yaml.BaseLoader)  # noqa: S506 - makes text, never objects
    except (yaml.YAMLError, RecursionError) as error:
        raise UserFault(f"{file.name} is not readable as YAML: {error}", field="code") from None
    if not isinstance(content, dict):
        raise UserFault(f"expected a mapping in {file.name}, such as dependencies: [...]", field="code")
    return content


def list_in(content: dict[str, Any], key: str, file: Path) -> list[Any]:
    """Return the list that a mapping has under a key; an empty one if it has nothing there.

    Raises:
        UserFault: There is something else.
    """
    found = content.get(key) or []
    if not isinstance(found, list):
        raise UserFault(f"expected a list under {key} in {file.name}, such as {key}: [numpy]", field="code")
    return found
