"""How much of a directory's surroundings belongs to its code: itself alone, or the whole work tree that it lies in.

Data and modules often lie above the project that uses them (``../../data/x.csv``). Where the sources of a directory in
a git work tree reach for what is above it, the whole work tree is taken and the project keeps its place in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim.code.ignore import NAME, read_ignore
from verbatim.code.places import is_nobodys_project
from verbatim.code.reach import reaches_above
from verbatim.code.weight import bytes_of
from verbatim.links import leading_out, words_for
from verbatim.paths import exists
from verbatim.tree import list_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verbatim.code.pinning import Pinning

MAX_SURROUNDINGS_BYTES = 512 * 1024**2
MAX_SURROUNDINGS_FILES = 50_000


@dataclass(frozen=True)
class Extent:
    """What is taken as code.

    Attributes:
        root: The directory of the whole tree.
        subdirectory: The project's directory in it.
        files: Relative POSIX paths of the files and links that are taken.
        ignored: Those that a .dockerignore leaves out.
        links_out: Links that are left out, since they lead out of the tree, and where to.
    """

    root: Path
    subdirectory: str
    files: tuple[str, ...]
    ignored: frozenset[str]
    links_out: dict[str, str]

    def leaves_out(self, name: str) -> bool:
        """Return whether a path below the root is left out on purpose."""
        return name in self.ignored or name in self.links_out

    def warn(self, warn: Callable[[str], None]) -> None:
        """Say what is left out, except by .gitignore."""
        if self.ignored:
            shown = ", ".join(sorted(self.ignored)[:3]) + (", …" if len(self.ignored) > 3 else "")
            warn(f"{NAME} leaves out {len(self.ignored)} of the code's files: {shown}")
        if self.links_out:
            warn(words_for(self.links_out))


def alone(directory: Path) -> Extent:
    """Return a directory's own extent.

    Raises:
        UserFault: A part of the directory cannot be read.
    """
    listed, leaves_out = list_tree(directory), read_ignore(directory)
    return _extent(directory, ".", listed, frozenset(filter(leaves_out, listed)))


def _extent(root: Path, subdirectory: str, listed: list[str], ignored: frozenset[str]) -> Extent:
    links_out = leading_out(root, [name for name in listed if name not in ignored])
    files = (name for name in listed if name not in ignored and name not in links_out)
    return Extent(root, subdirectory, tuple(files), ignored, links_out)


def with_surroundings(pinning: Pinning, directory: Path) -> Extent:
    """Return a directory's extent, with the work tree around it where its sources reach above and it may be taken.

    Raises:
        UserFault: A part of the directory cannot be read.
    """
    own = alone(directory)
    top = _work_tree_top(directory)
    reason = _why_more(own, top) if top else None
    if top is None or reason is None:
        return own
    hindrance = None
    if not pinning.may_read(top):
        hindrance = "files.read in config/platform.yaml does not allow it"
    elif is_nobodys_project(top):
        hindrance = "it is no project's"
    else:
        whole = _whole(top, own)
        if fits(whole):
            pinning.warn(
                f"the code {reason}, so the whole work tree {top} is taken, with the project in {whole.subdirectory}"
            )
            return whole
        hindrance = "it is too large"
    pinning.warn(f"the code {reason}; the work tree {top} is not taken, since {hindrance}")
    return own


def fits(extent: Extent) -> bool:
    """Return whether an extent that nobody named is small enough to be taken all the same."""
    return len(extent.files) <= MAX_SURROUNDINGS_FILES and bytes_of(extent.root, extent.files) <= MAX_SURROUNDINGS_BYTES


def _whole(top: Path, own: Extent) -> Extent:
    """Return the whole work tree, with the project as it is taken by itself also where git ignores it."""
    subdirectory = own.root.relative_to(top).as_posix()
    prefix, leaves_out = f"{subdirectory}/", read_ignore(top)
    above = [name for name in list_tree(top) if not name.startswith(prefix)]
    taken, ignored = ([f"{prefix}{name}" for name in names] for names in ((*own.files, *own.links_out), own.ignored))
    return _extent(top, subdirectory, [*above, *taken], frozenset((*filter(leaves_out, above), *ignored)))


def _work_tree_top(directory: Path) -> Path | None:
    """Return the top of the work tree above a directory; git is not asked, since a configuration may tell it lies."""
    if exists(directory / ".git"):
        return None
    return next((parent for parent in directory.parents if exists(parent / ".git")), None)


def _why_more(own: Extent, top: Path) -> str | None:
    if any(not link.startswith("/") for link in own.links_out.values()):
        return "has links to a directory above it"
    return reaches_above(own.root, own.files, top)
