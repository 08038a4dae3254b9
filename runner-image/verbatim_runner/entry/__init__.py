"""How a project's training is started."""

from __future__ import annotations

from verbatim_runner.entry.detect import entry_of_command, find_entry

__all__ = ["entry_of_command", "find_entry"]
