"""Imports that no package index knows: left out, since nobody declared them, and the training may do without."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from verbatim_runner.environment.resolver import Wish
    from verbatim_runner.environment.uv import Refused
    from verbatim_runner.stage_context import StageContext

_UNKNOWN = re.compile(r"(\S+) was not found in the package registry")
_NAME = re.compile(r"[\w.-]+")


def without_unknown(context: StageContext, wish: Wish, refused: Refused) -> Wish | None:
    """Return what is asked without the imports that no index has, with a warning; None where it is not for those.

    Args:
        context: The stage's.
        wish: What was refused.
        refused: Why.
    """
    unknown = {canonicalize_name(name) for name in _UNKNOWN.findall(refused.said)}
    left_out = [line for line in wish.guessed if (name := _NAME.match(line)) and canonicalize_name(name[0]) in unknown]
    if not left_out:
        return None
    context.warn(
        f"no package index has {', '.join(left_out)}, which the code imports and nothing declares; left out. If the "
        "training needs it, declare where it comes from"
    )
    return replace(
        wish,
        requirements=tuple(line for line in wish.requirements if line not in left_out),
        guessed=tuple(line for line in wish.guessed if line not in left_out),
    )
