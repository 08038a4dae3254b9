"""The training's log: one file, as the command printed it, with progress bars at their last state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class TrainingLog:
    """Appends lines to a file that the live server may read meanwhile.

    Args:
        path: The file.
        secret: A text that never appears in it.
    """

    def __init__(self, path: Path, secret: str) -> None:
        self.path = path
        self._secret = secret
        path.touch(mode=0o600)
        self._file = path.open("ab")

    def hide(self, text: str) -> str:
        """Return a line without the secret."""
        return text.replace(self._secret, "***") if self._secret in text else text

    def write(self, line: str) -> None:
        """Add a line; others see it after ``flush``."""
        self._file.write(line.encode("utf-8", "replace") + b"\n")

    def flush(self) -> None:
        """Make all lines visible to whoever reads the file."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
