"""Dependencies inside a script (PEP 723)."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.declared.requirements_file import decode
from verbatim_runner.environment.declared.toml_file import texts_in

if TYPE_CHECKING:
    from verbatim.stage import Entry
    from verbatim_runner.project import Project

_BLOCK = re.compile(r"(?m)^# /// script\s*$\n(?P<content>(?:^#(?:| .*)\r?$\n?)+)^# ///\s*$")
"""https://packaging.python.org/en/latest/specifications/inline-script-metadata/"""


def detect(project: Project, entry: Entry) -> Declaration | None:
    """Return the declaration if a script of the command has one.

    Raises:
        UserFault: The script's metadata is not TOML.
    """
    found = read_metadata(project, entry)
    if not found:
        return None
    script, metadata = found
    lines = texts_in(metadata, "dependencies", script)
    return Declaration(declared_by=f"{script} (inline metadata)", requirements=tuple(lines))


def read_metadata(project: Project, entry: Entry) -> tuple[str, dict[str, Any]] | None:
    """Return the first script of the command that has inline metadata, and what that says.

    Raises:
        UserFault: The script's metadata is not TOML.
    """
    for part in entry.argv:
        file = project.directory / part
        if not part.endswith(".py") or not file.is_file():
            continue
        if block := _BLOCK.search(decode(file.read_bytes()).replace("\r\n", "\n")):
            lines = (line[2:] if line.startswith("# ") else line[1:] for line in block["content"].splitlines())
            try:
                return part, tomllib.loads("\n".join(lines))
            except tomllib.TOMLDecodeError as error:
                raise UserFault(
                    f"the inline metadata of {part} is not readable as TOML: {error}", field="code"
                ) from None
    return None
