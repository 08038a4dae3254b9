"""How a project's training is started."""

from __future__ import annotations

from verbatim_runner.entry.detect import find_entry

__all__ = ["find_entry"]
