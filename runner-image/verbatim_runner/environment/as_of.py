"""Resolves as of the date of the code's last commit, or of the first date after it at which that can be done.

Code that is older than the interpreter finds no wheel for it at its own date. The first day at which all has wheels has
the oldest packages that can be installed, which are the likeliest to work.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from verbatim_runner.environment.resolver import resolve
from verbatim_runner.environment.uv import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim_runner.environment.resolver import Wish
    from verbatim_runner.stage_context import StageContext

_FIRST_STEP_DAYS = 8


def resolve_from(context: StageContext, wish: Wish, start: datetime) -> tuple[Wish, str]:
    """Resolve as of a moment, or of the first later day at which everything has wheels.

    The days are counted from the start, so the same start gives the same day whenever it is asked for: steps of growing
    length find a day that will do, and halving what lies between finds the first.

    Args:
        context: The stage's.
        wish: What is to be resolved.
        start: The moment, aware.

    Returns:
        The wish as of the moment taken, and its packages.

    Raises:
        Refused: It can be resolved at no date; with the reason of today.
    """
    first = replace(wish, until=start, may_build=lambda _: False)
    try:
        return first, resolve(context, first)
    except Refused:
        pass
    last = max((datetime.now(UTC) - start).days, 0) + 1
    built: set[str] = set()  # what has no wheel today either: no date will bring one

    def note(name: str) -> bool:
        built.add(name)
        return wish.may_build(name)

    resolve(context, replace(wish, until=start + timedelta(days=last), may_build=note))
    searched = replace(wish, excluded=tuple(sorted(built)), may_build=lambda _: False)
    days = _first_day(lambda day: _can_be_resolved(context, searched, start + timedelta(days=day)), last)
    found = replace(wish, until=start + timedelta(days=days), may_build=built.__contains__)
    return found, resolve(context, found)


def _can_be_resolved(context: StageContext, wish: Wish, until: datetime) -> bool:
    try:
        resolve(context, replace(wish, until=until))
    except Refused:
        return False
    return True


def _first_day(will_do: Callable[[int], bool], last: int) -> int:
    """Return the first day that will do, where later ones do as well; ``last`` does."""
    low, high = -1, 0
    while high < last and not will_do(high):
        low, high = high, min(max(high * 2, _FIRST_STEP_DAYS), last)
    while high - low > 1:
        middle = (low + high) // 2
        if will_do(middle):
            high = middle
        else:
            low = middle
    return high
