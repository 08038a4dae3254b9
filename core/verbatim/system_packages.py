"""Debian packages that a run needs besides those of the runner's image: how they are named, and the image they are in.

Runner, engine and command line agree here; nothing is installed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from verbatim.documents import Document, Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

SystemPackage = Annotated[
    str,
    Pattern(
        r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](=[A-Za-z0-9][A-Za-z0-9.+:~-]*)?",
        "the name of a Debian package such as libsndfile1, or name=version",
    ),
]
"""https://www.debian.org/doc/debian-policy/ch-controlfields.html; nothing that apt takes for an option or a removal."""

REPOSITORY = "verbatim-packages"


class SystemPackages(Document):
    """What a try of a stage found missing, written beside its request: it is to run again where these are."""

    names: tuple[SystemPackage, ...] = Field(min_length=1)


def image_with(base: str, packages: Iterable[str]) -> str:
    """Return the name of the image that is the runner's and has packages besides.

    Args:
        base: Digest of the runner's image.
        packages: Names, or names with versions; in any order.
    """
    subject = "\n".join([base, *sorted(set(packages))])
    return f"{REPOSITORY}:{hashlib.sha256(subject.encode()).hexdigest()[:32]}"
