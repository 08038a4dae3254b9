"""Which candidates are merely what another one calls: ``train.py`` is none beside a ``train.sh`` that starts it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verbatim_runner.entry.interface import Candidate


def without_called(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that no other calls; two that call each other both stay."""
    return [
        one
        for one in candidates
        if not any(_calls(other, one) and not _calls(one, other) for other in candidates if other is not one)
    ]


def _calls(caller: Candidate, called: Candidate) -> bool:
    return any(
        re.search(rf"(?m)^\s*(?:from|import)\s+{re.escape(name)}\b|-m\s+{re.escape(name)}(?![\w.-])", caller.text)
        or ("." in name and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", caller.text))
        for name in called.known_as
    )
