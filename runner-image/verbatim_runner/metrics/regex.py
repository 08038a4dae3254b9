"""Metrics by the conf's regular expressions, as SageMaker's MetricDefinitions: every match in a whole line counts.

A pattern can take longer than the training (``(a+)+b``), so each has an allowance. ``regex`` reads what ``re`` reads
and can be stopped, which ``re`` cannot.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import regex

from verbatim.errors import UserFault
from verbatim_runner.metrics.text import step_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from verbatim.request import MetricDefinition
    from verbatim_runner.metrics.readings import Reading

SLOW_S = 0.05
"""A line that takes longer counts against the allowance."""
ALLOWANCE_S = 2.0


class RegexReader:
    """Reads what the conf's definitions match; the first group holds the number.

    Args:
        definitions: The conf's.
        warn: Told of a pattern that is too slow, which is not read any more.

    Raises:
        UserFault: A pattern means nothing to ``regex``.
    """

    source = "regex"

    def __init__(self, definitions: Iterable[MetricDefinition], warn: Callable[[str], None]) -> None:
        self._patterns = [_Pattern(definition) for definition in definitions]
        self._warn = warn

    def read(self, line: str) -> list[Reading]:
        """Return every match whose group is a number."""
        found: list[Reading] = []
        for pattern in self._patterns:
            values = pattern.values(line)
            if values:
                step = step_of(line)
                found += [(pattern.name, value, step) for value in values]
            if pattern.allowance_s < 0:
                self._patterns = [other for other in self._patterns if other is not pattern]
                self._warn(
                    f"the regular expression of the metric {pattern.name} is too slow for this output and is not read "
                    f"any more: {pattern.text}. Write it without nested repetitions such as (a+)+"
                )
        return found


class _Pattern:
    def __init__(self, definition: MetricDefinition) -> None:
        self.name = definition.name
        self.text = definition.regex
        self.allowance_s = ALLOWANCE_S
        try:
            self._find = regex.compile(definition.regex).finditer
        except regex.error as error:
            raise UserFault(
                f"the regular expression of {self.name} is one that `re` takes and `regex` does not: {error}",
                field="metrics",
            ) from None

    def values(self, line: str) -> list[float]:
        values = []
        started_at = time.perf_counter()
        try:
            for match in self._find(line, timeout=max(self.allowance_s, SLOW_S)):
                try:
                    values.append(float(match[1]))
                except (TypeError, ValueError):
                    continue
        except TimeoutError:
            pass
        took_s = time.perf_counter() - started_at
        if took_s > SLOW_S:
            self.allowance_s -= took_s
        return values
