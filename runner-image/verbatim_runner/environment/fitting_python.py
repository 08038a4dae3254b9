"""Which Python can install what is declared, where nothing demands one and the platform's own cannot.

Old pins have wheels for the Pythons of their time alone. Only names are resolved here: nothing is built, and no code of
a package runs.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import replace
from typing import TYPE_CHECKING

from verbatim.documents import Document
from verbatim.errors import NotFound, PlatformFault, UserFault
from verbatim.store import layout
from verbatim_runner.environment.interpreters import available_interpreters, find_interpreter
from verbatim_runner.environment.relax import opened
from verbatim_runner.environment.resolver import package_without_wheel, resolve
from verbatim_runner.environment.uv import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim_runner.environment.interpreters import Interpreter
    from verbatim_runner.environment.resolver import Wish
    from verbatim_runner.stage_context import StageContext

THAT_FETCHES = ("3.13", "3.12", "3.11", "3.10", "3.9", "3.8")
"""Versions that uv can fetch and that are old enough for wheels to be had."""

WHY = "what is declared has wheels for it, and not for the platform's own"


class Fitting(Document):
    """What was found of a declaration, kept so that it is looked for once.

    Attributes:
        minor: The version that fits; None where none fits better than the platform's own.
    """

    minor: str | None


def fitting_python(context: StageContext, wish: Wish) -> Interpreter | None:
    """Return the Python for which the fewest packages have to be built; None where the wish's own is as good.

    Args:
        context: The stage's.
        wish: What is to be resolved; a lock in it is read as requirements.

    Raises:
        PlatformFault: The package index does not answer.
    """
    if wish.interpreter.why is not None or not wish.is_plain:
        return None
    here = {found.minor: found for found in available_interpreters(context)}
    kept = _kept_at(wish, here)
    try:
        minor = context.store.read(kept, Fitting).minor
    except NotFound:
        minor = fitting_minor(context, wish, here) or fitting_minor(context, wish, THAT_FETCHES)
        context.store.overwrite(kept, Fitting(minor=minor).canonical())
    if minor is None or minor in here:
        return here[minor].because(WHY) if minor else None
    try:
        return find_interpreter(context, f"{minor}.0").because(f"{WHY}; fetched")
    except PlatformFault:
        return None


def _kept_at(wish: Wish, here: Iterable[str]) -> str:
    subject = [*here, platform.machine(), *wish.texts(), str(wish.locked)]
    return layout.index("pythons", hashlib.sha256("\n".join(subject).encode()).hexdigest())


def fitting_minor(context: StageContext, wish: Wish, minors: Iterable[str]) -> str | None:
    """Return the one of some versions, such as ``3.9``, with the fewest packages to build, the nearest first.

    Returns:
        None where no other has fewer than the wish's own.
    """
    own = wish.interpreter.minor
    others = sorted(set(minors) - {own}, key=lambda minor: abs(_number(minor) - _number(own)))
    opened_up = opened(wish)
    fewest, best = _to_build(context, opened_up, own), None
    for minor in others:
        found = _to_build(context, opened_up, minor)
        if found is not None and (fewest is None or found < fewest):
            fewest, best = found, minor
    return best


def _number(minor: str) -> int:
    return int(minor.partition(".")[2])


def _to_build(context: StageContext, wish: Wish, minor: str) -> int | None:
    """Return how many packages have no wheel for a version of Python; None where it cannot be resolved for it."""
    without: list[str] = []
    while True:
        tried = replace(
            wish,
            excluded=(*wish.excluded, *without),
            options=(*wish.options, "--python-version", minor),
            may_build=lambda _: False,
        )
        try:
            resolve(context, tried)
        except Refused as refused:
            name = package_without_wheel(refused)
            if name is None or name in without:
                return None
            without.append(name)
        except UserFault:  # a private index has no wheel of it
            return None
        else:
            return len(without)
