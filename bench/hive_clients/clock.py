"""Tells on the last line of standard output how many rows a client read, in what time, with how much memory."""

from __future__ import annotations

import json
import resource
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def report(read: Callable[[], int | None]) -> None:
    """Measure a function that returns how many rows it read."""
    started = time.monotonic()
    rows = read()
    took_s = time.monotonic() - started
    print(json.dumps([rows, took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
