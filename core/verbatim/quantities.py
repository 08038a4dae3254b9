"""Amounts as people write them: memory such as ``4g``, durations such as ``2h``."""

from __future__ import annotations

import re
from datetime import timedelta

MAX_MEMORY_BYTES = 1024**5
MAX_DURATION = timedelta(days=36525)

_MEMORY = re.compile(r"^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$", re.IGNORECASE)
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_memory(text: str) -> int:
    """Return the bytes that ``512m``, ``4g`` or ``1048576`` name; units are powers of 1024.

    Raises:
        ValueError: The text is not a positive amount of memory, or more than ``MAX_MEMORY_BYTES``.
    """
    match = _MEMORY.match(text.strip())
    amount = float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " ") if match else 0
    if amount < 1:
        raise ValueError("a positive amount of memory such as '512m' or '4g'")
    if amount > MAX_MEMORY_BYTES:
        raise ValueError("memory of at most 1024t, such as '512m' or '4g'")
    return int(amount)


def parse_duration(text: str) -> timedelta:
    """Return the duration that ``90s``, ``30m``, ``2h`` or ``30d`` names.

    Raises:
        ValueError: The text is not a positive duration, or more than ``MAX_DURATION``.
    """
    match = _DURATION.match(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0
    if seconds <= 0:
        raise ValueError("a positive duration such as '90s', '30m', '2h' or '30d'")
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError("a duration of at most 36525d, which is 100 years, such as '90s', '30m', '2h' or '30d'")
    return timedelta(seconds=seconds)
