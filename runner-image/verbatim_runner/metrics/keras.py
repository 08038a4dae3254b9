"""Metrics from Keras' progress lines: each epoch's last state, since those before it are averages in the making."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.metrics.readings import is_metric_name

if TYPE_CHECKING:
    from verbatim_runner.metrics.readings import Reading

_EPOCH = re.compile(r"\s*Epoch (\d+)/\d+\s*")
_BAR = re.compile(r"\s*(\d+)/(\d+|Unknown) .*?(?:ETA: |\d+(?:ms|us|s)\b)")
_PAIR = re.compile(r" - ([A-Za-z_][\w@./-]*): ([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf))(?= -|\s|$)", re.IGNORECASE)


class KerasReader:
    """Reads ``12/12 - 0s 3ms/step - accuracy: 0.9 - loss: 0.1`` of Keras 2 and 3, with a bar or without.

    An epoch is announced by ``Epoch 1/5``. A bar that nothing announced is ``model.evaluate``'s: its metrics have the
    same names as the training's, and are told from them by ``evaluate/``.
    """

    source = "text"

    def __init__(self) -> None:
        self._epoch: int | None = None

    def read(self, line: str) -> list[Reading] | None:
        """Return the numbers of a finished epoch; None where the line is no progress of Keras."""
        if "/" not in line:
            return None
        if announced := _EPOCH.fullmatch(line):
            self._epoch = int(announced[1])
            return None
        if " - " not in line or not (bar := _BAR.match(line)):
            return None
        if bar[1] != bar[2] and bar[2] != "Unknown":
            return []
        epoch, self._epoch = self._epoch, None
        prefix = "evaluate/" if epoch is None else ""
        return [(prefix + name, float(value), epoch) for name, value in _PAIR.findall(line) if is_metric_name(name)]

    @staticmethod
    def is_progress(state: str) -> bool:
        """Return whether this is a bar of Keras, to be read when it has become a line."""
        return "/" in state and " - " in state and _BAR.match(state) is not None
