"""Drops pins that cannot be installed (``environment.relax``), as few as the resolver's reason allows to tell.

A pin is first loosened to its major version, then to any that is not older, and dropped only where neither will do.
Names, extras and markers are always kept.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from verbatim_runner.environment.lock_text import joined_lines

if TYPE_CHECKING:
    from verbatim_runner.environment.resolver import Wish
    from verbatim_runner.environment.uv import Refused

_AT_FAULT = re.compile(
    r"(?:Because |there is no version of |Failed to build `)(?:all of:\s+|only )?([A-Za-z0-9][\w.-]*?)"
    r"(?:\[[^]]*\])?(?=[<>=!~` ])[^,]*?(?: has no | have no | was not found|`| and you require)"
)
_MENTIONED = re.compile(r"(?<![\w.-])([A-Za-z0-9][\w.-]*?)(?=(?:\[[^]]*\])?(?:==|[<>]=?|~=| depends on))")
_EXACT = frozenset({"==", "==="})
_LOWER = frozenset({">=", ">", "!="})


def opened(wish: Wish) -> Wish:
    """Return a wish in which the project's own lock is requirements like others, so that some of it can be dropped."""
    if wish.locked is None:
        return cautious(wish)
    lines = (line.partition(" --hash")[0] for line in joined_lines(wish.locked))
    return cautious(replace(wish, locked=None, requirements=(*lines, *wish.requirements)))


def cautious(wish: Wish) -> Wish:
    """Return the wish such that nothing is built whose pin could be dropped instead, for a version with a wheel."""
    lines = (*wish.requirements, *wish.constraints, *(joined_lines(wish.locked) if wish.locked else ()))
    held = {_name(line) for line in lines if _holds_back(line)}
    return replace(wish, may_build=lambda name: name not in held)


def relaxed(wish: Wish, refused: Refused) -> Wish | None:
    """Return what to try next after a refusal: the wish with less of it pinned; None where nothing is left to drop.

    Args:
        wish: What was refused.
        refused: Why.
    """
    bounded = {_name(line) for line in (*wish.requirements, *wish.constraints) if _is_bounded(line)}
    held = {_name(line) for line in wish.requirements if _holds_back(line)}
    at_fault = _names(_AT_FAULT, refused)
    for names in (at_fault & bounded, _names(_MENTIONED, refused) & held, held, bounded):
        if names:
            return cautious(_loosened(wish, names))
    return _overridden(wish, at_fault)


def holds_exactly(wish: Wish, refused: Refused) -> bool:
    """Return whether what was refused is pinned to one version, so that no date would change it."""
    return bool(_names(_AT_FAULT, refused) & {_name(line) for line in wish.requirements if _is_exact(line)})


def dropped(before: Wish, after: Wish) -> tuple[str, ...]:
    """Return the requirements of one wish that are looser in another, as they were."""
    changed = (was for was, now in zip(before.requirements, after.requirements, strict=True) if was != now)
    return (*(line.partition(" --hash")[0].strip() for line in changed), *after.overrides)


def _names(pattern: re.Pattern[str], refused: Refused) -> set[str]:
    return {canonicalize_name(name) for name in pattern.findall(refused.said)}


def _loosened(wish: Wish, names: set[str]) -> Wish:
    return replace(
        wish,
        requirements=tuple(_looser(line) if _name(line) in names else line for line in wish.requirements),
        constraints=tuple(line for line in wish.constraints if _name(line) not in names),
    )


def _overridden(wish: Wish, names: set[str]) -> Wish | None:
    """Drop what only a build backend could be asked about: by replacing every requirement of the name."""
    new = sorted(names - {canonicalize_name(name) for name in wish.overrides})
    return replace(wish, overrides=(*wish.overrides, *new)) if wish.files and new else None


def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(line.partition(" --hash")[0].strip())
    except InvalidRequirement:
        return None


def _name(line: str) -> str:
    requirement = _requirement(line)
    return canonicalize_name(requirement.name) if requirement else ""


def _is_bounded(line: str) -> bool:
    requirement = _requirement(line)
    return bool(requirement and requirement.specifier and not requirement.url)


def _is_exact(line: str) -> bool:
    requirement = _requirement(line)
    return requirement is not None and any(part.operator in _EXACT for part in requirement.specifier)


def _holds_back(line: str) -> bool:
    """Return whether a requirement keeps from newer releases."""
    requirement = _requirement(line)
    return requirement is not None and any(part.operator not in _LOWER for part in requirement.specifier)


def _looser(line: str) -> str:
    """Return the next looser form: an exact pin's major version, then what is not older, then the name."""
    requirement = _requirement(line)
    assert requirement is not None
    exact = [part.version for part in requirement.specifier if part.operator in _EXACT]
    lower = [f">={part.version}" for part in requirement.specifier if part.operator in {">=", ">", "~="}]
    if exact:
        requirement.specifier = _same_major(exact[0])
    else:
        requirement.specifier = SpecifierSet(",".join(lower) if _holds_back(line) else "")
    return str(requirement)


def _same_major(version: str) -> SpecifierSet:
    try:
        pinned = Version(version.removesuffix(".*"))
    except InvalidVersion:
        return SpecifierSet()
    return SpecifierSet(f">={pinned.public},<{pinned.major + 1}")
