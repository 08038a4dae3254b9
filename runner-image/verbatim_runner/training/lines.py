"""Cuts a stream of bytes into lines of text, with bounded memory, whatever a program prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINE_BYTES = 4 * 1024 * 1024
"""More than any line of a program that writes lines; less than what a flood without line feeds may take of memory."""
CONTINUES = " …[the line goes on]"


class LineSplitter:
    r"""Cuts at line feeds only, so that a line is never cut at a read's edge.

    A progress bar rewrites its line with ``\r``: its last state is the line, the earlier ones are told apart. A line
    longer than ``MAX_LINE_BYTES`` is cut, between characters, with a mark.

    Args:
        on_line: Called with each whole line, without its end.
        on_progress: Called with each state of a line that was rewritten since.
    """

    def __init__(self, on_line: Callable[[str], None], on_progress: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._on_progress = on_progress
        self._rest = b""

    def feed(self, content: bytes) -> None:
        """Take bytes as they come."""
        *lines, rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._line(line)
        if b"\r" in rest:
            *states, rest = rest.split(b"\r")
            if not rest:  # the bar stands behind its own end; it may still become the line
                rest = states.pop() + b"\r"
            self._states(states)
        while len(rest) > MAX_LINE_BYTES:
            rest = self._cut(rest)
        self._rest = rest

    def end(self) -> None:
        """Say that nothing more comes: what is left is a line."""
        if self._rest.strip(b"\r"):
            self._line(self._rest)
        self._rest = b""

    def _line(self, line: bytes) -> None:
        if b"\r" in line:
            *states, line = line.rstrip(b"\r").split(b"\r")
            self._states(states)
        while len(line) > MAX_LINE_BYTES:
            line = self._cut(line)
        self._on_line(line.decode("utf-8", "replace"))

    def _states(self, states: list[bytes]) -> None:
        for state in states:
            if state:
                self._on_progress(state[:MAX_LINE_BYTES].decode("utf-8", "replace"))

    def _cut(self, line: bytes) -> bytes:
        end = MAX_LINE_BYTES
        while end > MAX_LINE_BYTES - 4 and line[end] & 0xC0 == 0x80:  # inside a UTF-8 character
            end -= 1
        self._on_line(line[:end].decode("utf-8", "replace") + CONTINUES)
        return line[end:]
