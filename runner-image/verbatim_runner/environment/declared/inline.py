"""Dependencies inside a script (PEP 723)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.interface import Declaration

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import Entry

_BLOCK = re.compile(r"^# /// script\s*$", re.MULTILINE)


def detect(project: Path, _root: Path, entry: Entry) -> Declaration | None:
    """Return the declaration if a script of the command has one."""
    scripts = [part for part in entry.argv if part.endswith(".py") and (project / part).is_file()]
    for script in scripts:
        if _BLOCK.search((project / script).read_text(encoding="utf-8", errors="replace")):
            return Declaration(declared_by=f"{script} (inline metadata)", files=(script,))
    return None
