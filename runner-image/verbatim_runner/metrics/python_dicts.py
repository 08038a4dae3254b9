"""Metrics from a printed Python dict, as Hugging Face's Trainer writes them, with numbers or with texts of numbers."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from verbatim_runner.metrics.json_lines import read_object
from verbatim_runner.metrics.readings import STEP_NAMES, number_of
from verbatim_runner.metrics.text import MAX_LINE_CHARS, metric_name

if TYPE_CHECKING:
    from verbatim_runner.metrics.readings import Reading


class DictReader:
    """Reads lines that are one dict of literals."""

    source = "text"

    def read(self, line: str) -> list[Reading] | None:
        """Return the numbers of a dict; None where the line is none."""
        if "{" not in line or len(line) > MAX_LINE_CHARS:
            return None
        text = line.strip()
        if not (text.startswith("{'") and text.endswith("}")):
            return None
        try:
            content = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
        if not isinstance(content, dict):
            return None
        named = {
            key if key in STEP_NAMES else metric_name(key): number_of(value)
            for key, value in content.items()
            if isinstance(key, str)
        }
        return read_object({name: value for name, value in named.items() if name and value is not None})
