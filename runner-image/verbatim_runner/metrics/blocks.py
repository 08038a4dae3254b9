"""Metrics that need several lines: a JSON object, a name above its number, a log line that was wrapped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.metrics.json_lines import JsonReader
from verbatim_runner.metrics.readings import number_of
from verbatim_runner.metrics.text import TextReader, metric_name

if TYPE_CHECKING:
    from verbatim_runner.metrics.readings import Reading

MAX_BLOCK_LINES = 500
_BARE_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)%?\s*", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"\s*([A-Za-z][\w@/().%^'-]*(?: [\w@/().%^'-]+){0,2})\s*")
_RICH = re.compile(r"(?:\[[^\]]*\] +| {2,})(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) +(?=\S)(.*?)\s+[\w.-]+\.py:\d+\s*")


class JsonBlockReader:
    """Reads a JSON object that is printed with an indent, from a line that ends in ``{`` to the line that closes it."""

    source = "json"

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._indent = ""
        self._json = JsonReader()

    def read(self, line: str) -> list[Reading] | None:
        """Return the object's numbers at its last line; None where the line is in no object."""
        if not self._lines:
            if not line.endswith("{") or line.strip() != "{":
                return None
            self._lines, self._indent = [line], line[: line.index("{")]
            return []
        self._lines.append(line)
        if line.startswith((f"{self._indent} ", f"{self._indent}\t")) and len(self._lines) < MAX_BLOCK_LINES:
            return []
        lines, self._lines = self._lines, []
        readings = self._json.read("".join(lines))
        if readings is not None:
            return readings
        text = TextReader()  # it was no JSON: a program's source, perhaps
        return [reading for each in lines for reading in text.read(each) or ()]


class TwoLineReader:
    """Reads a number alone on its line, where the line before is a name: ``RMSE:`` and ``0.79``.

    Without a colon the number must have a point, and the name must be no sentence.
    """

    source = "text"

    def __init__(self) -> None:
        self._before = ""

    def read(self, line: str) -> list[Reading] | None:
        """Return the number under the name of the line before; None where there is no such pair."""
        before, self._before = self._before, line
        if len(line) > 40 or not before or len(before) > 80 or not (number := _BARE_NUMBER.fullmatch(line)):
            return None
        colon = before.rstrip().endswith(":")
        name = _PLAIN_NAME.fullmatch(before.rstrip().removesuffix(":"))
        value = number_of(number[1])
        if not name or value is None or not (colon or "." in number[1]):
            return None
        made = metric_name(name[1])
        return [(made, value, None)] if made else None


class WrappedLogReader:
    """Reads the log lines of rich, which wraps them at 80 columns and puts the file's name on the right."""

    source = "text"

    def __init__(self) -> None:
        self._column = 0
        self._message = ""
        self._read: list[Reading] = []
        self._text = TextReader()

    def read(self, line: str) -> list[Reading] | None:
        """Return what a log line adds to what was read of its beginning; None where it is none of rich's."""
        if first := (".py:" in line and _RICH.fullmatch(line)):
            self._column, self._message, self._read = first.start(1), first[1], []
        elif self._column and line[: self._column].isspace() and (more := line[self._column :].rstrip())[:1].strip():
            self._message += f" {more}"
        else:
            self._column = 0
            return None
        readings = self._text.read(self._message) or []
        known, self._read = self._read, readings
        return [reading for reading in readings if reading not in known]
