"""How a project's training is started."""

from __future__ import annotations

from verbatim_runner.entry.command import entry_of_command
from verbatim_runner.entry.detect import find_entry

__all__ = ["entry_of_command", "find_entry"]
