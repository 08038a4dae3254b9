"""Metrics by the conf's regular expressions, as SageMaker's MetricDefinitions: every match in a whole line counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.metrics.text import step_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim.request import MetricDefinition
    from verbatim_runner.metrics.readings import Reading


class RegexReader:
    """Reads what the conf's definitions match; the first group holds the number."""

    source = "regex"

    def __init__(self, definitions: Iterable[MetricDefinition]) -> None:
        self._patterns = [(definition.name, re.compile(definition.regex)) for definition in definitions]

    def read(self, line: str) -> list[Reading]:
        """Return every match whose group is a number."""
        found = []
        for name, pattern in self._patterns:
            for match in pattern.finditer(line):
                try:
                    value = float(match[1])
                except (TypeError, ValueError):
                    continue
                found.append((name, value, step_of(line)))
        return found
