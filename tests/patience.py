"""Waits for what will be so, and no longer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, timeout_s: float = 300) -> T:
    """Return what a condition gives as soon as that is true.

    Raises:
        AssertionError: It is not in time; the text says what was awaited.
    """
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {timeout_s} s")
