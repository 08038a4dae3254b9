"""Metrics from tables of plain text: a line of names, then lines of numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.metrics.readings import STEP_NAMES, is_metric_name, number_of

if TYPE_CHECKING:
    from verbatim_runner.metrics.readings import Reading

_COLUMN = re.compile(r"[A-Za-z_][\w@./%-]*")
_RULE = re.compile(r"[\s\-─━=+|┃┏┓┡┩┳╇└┘┴├┤┼]*")
_LIGHTNING = re.compile(r"\W*(?:Test|Validate|Runningstage\.\w+) metric\W+DataLoader 0\W*")
_REPORT = re.compile(r"\s*precision\s+recall\s+f1-score\s+support\s*")
_AVERAGES = re.compile(r"\s*(macro avg|weighted avg|micro avg)((?:\s+[\d.]+|\s+nan){4})\s*")
_ACCURACY = re.compile(r"\s*accuracy\s+([\d.]+)\s+\d+\s*")
MAX_REPORT_LINES = 2000


class EpochTableReader:
    """Reads a table whose first column is the epoch or step, as fastai and skorch print."""

    source = "text"

    def __init__(self) -> None:
        self._columns: list[str] = []

    def read(self, line: str) -> list[Reading] | None:
        """Return a row's numbers under their columns' names; None where the line is in no such table."""
        if (":" in line and not self._columns) or "=" in line:
            return None
        cells = line.split()
        if len(cells) > 2 and cells[0].lower() in STEP_NAMES and all(map(_COLUMN.fullmatch, cells)):
            self._columns = cells
            return []
        if not self._columns:
            return None
        if len(cells) == len(self._columns) and cells[0].isdigit():
            pairs = zip(self._columns[1:], map(number_of, cells[1:]), strict=True)
            step = int(cells[0])
            return [(name, value, step) for name, value in pairs if value is not None and is_metric_name(name)]
        if not _RULE.fullmatch(line):
            self._columns = []
        return None


class LightningTableReader:
    """Reads what ``trainer.test`` and ``trainer.validate`` of Lightning print, with rich and without."""

    source = "text"

    def __init__(self) -> None:
        self._inside = False
        self._rows = 0

    def read(self, line: str) -> list[Reading] | None:
        """Return a row's number; None where the line is in no such table."""
        if "DataLoader 0" in line and _LIGHTNING.fullmatch(line):
            self._inside, self._rows = True, 0
            return []
        if not self._inside:
            return None
        cells = line.replace("│", " ").split()
        if len(cells) == 2 and (value := number_of(cells[1])) is not None:
            self._rows += 1
            return [(cells[0], value, None)]
        self._inside = self._rows == 0 and bool(_RULE.fullmatch(line))  # a rule after the rows ends them
        return None


class ReportReader:
    """Reads the accuracy and the averages of scikit-learn's ``classification_report``."""

    source = "text"

    def __init__(self) -> None:
        self._left = 0

    def read(self, line: str) -> list[Reading] | None:
        """Return what a line of a report sums up; None where the line is in no report."""
        if "f1-score" in line and _REPORT.fullmatch(line):
            self._left = MAX_REPORT_LINES
            return []
        if not self._left:
            return None
        self._left -= 1
        if accuracy := _ACCURACY.fullmatch(line):
            return [("accuracy", float(accuracy[1]), None)]
        if not (average := _AVERAGES.fullmatch(line)):
            return None
        if average[1] == "weighted avg":
            self._left = 0
        name = average[1].replace(" ", "_")
        values = zip(("precision", "recall", "f1-score"), average[2].split(), strict=False)
        return [(f"{name}/{what}", float(value), None) for what, value in values]
