"""What to write into the conf where an environment cannot be had: only what is likely to help is named."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault, UserFault
from verbatim_runner.environment.interpreters import available_interpreters
from verbatim_runner.environment.relax import holds_exactly, relaxed
from verbatim_runner.environment.resolver import resolve

if TYPE_CHECKING:
    from verbatim_runner.environment.resolver import Wish
    from verbatim_runner.environment.uv import Refused
    from verbatim_runner.stage_context import StageContext

_OLD = timedelta(days=90)
_UNKNOWN = re.compile(r"(was|were) not found in the package registry|there are no versions of")


def with_remedies(context: StageContext, wish: Wish, refused: Refused, committed_at: datetime | None) -> UserFault:
    """Return the refusal with the conf lines to try.

    Args:
        context: The stage's.
        wish: What was refused.
        refused: Why.
        committed_at: The date of the code's last commit, if it has one.
    """
    asked = context.request.spec.environment
    ways = []
    if not _UNKNOWN.search(refused.said):
        if other := _other_python(context, wish):
            ways.append(f'"environment": {{"python": "{other}"}}')
        if not asked.relax and (wish.locked is not None or relaxed(wish, refused)):
            ways.append('"environment": {"relax": true}')
        pinned = ways and holds_exactly(wish, refused)
        if not pinned and asked.as_of == "now" and committed_at and datetime.now(UTC) - committed_at > _OLD:
            ways.append('"environment": {"as_of": "commit"}')
    advice = f"\nTo try: {' or '.join(ways)}" if ways else ""
    return UserFault(refused.message + advice, field=refused.field or "environment")


def _other_python(context: StageContext, wish: Wish) -> str | None:
    """Return another Python of this machine for which everything has wheels."""
    if not wish.is_plain or wish.locked is not None:
        return None
    for other in available_interpreters(context):
        if other.minor != wish.interpreter.minor:
            try:
                resolve(context, replace(wish, interpreter=other, may_build=lambda _: False))
            except (UserFault, PlatformFault):
                continue
            return other.minor
    return None
