"""A directory of the platform's machine, as it is now, whatever git says of it; and how it stands to its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.code.extent import Extent, alone, with_surroundings
from verbatim.code.pinning import demand, scratch_directory
from verbatim.code.places import ARCHIVES, SCRIPTS, is_local
from verbatim.code.weight import weigh
from verbatim.git import without_credentials
from verbatim.paths import exists, local_path
from verbatim.problems import Problem
from verbatim.spec import PinnedCode
from verbatim.tree import pack_tree
from verbatim.work_tree import standing

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.code.pinning import Pinning

_SOURCES = (
    f"a git URL (https://, ssh://, file://), the absolute path of a directory, an archive ({' '.join(ARCHIVES)}), or a "
    f"notebook or script ({' '.join(SCRIPTS)})"
)


def applies(url: str) -> bool:  # noqa: ARG001 - what is no other kind is taken for a directory, or refused as none
    """Return True: this kind is asked last."""
    return True


def pin(pinning: Pinning) -> PinnedCode:
    """Keep a directory's code as it is now.

    Raises:
        RequestError: It is not there, may not be read, or is too large.
        UserFault: A part of it cannot be read or kept.
        PlatformFault: The store does not answer.
    """
    code = pinning.code
    if not is_local(code.url):
        demand(Problem(field="code.url", expected=_SOURCES, got=repr(without_credentials(code.url))))
    root = local_path(code.url)
    pinning.demand_readable(root)
    pinning.demand_no_connection()
    demand(_absence(root, code.subdirectory))
    pinning.demand_no_ref("Write file:// before the path to take a commit of the git repository there.")
    extent = with_surroundings(pinning, root) if code.subdirectory == "." else alone(root)
    pinned = keep(pinning, extent)
    return pinned if code.subdirectory == "." else pinned.model_copy(update={"subdirectory": code.subdirectory})


def keep(pinning: Pinning, extent: Extent) -> PinnedCode:
    """Put what was taken into the store, with the commit that it stands on.

    Raises:
        RequestError: It is too large.
        UserFault: A part of it cannot be read or kept.
        PlatformFault: The store does not answer.
    """
    weigh(extent.root, extent.files, pinning.warn)
    extent.warn(pinning.warn)
    with scratch_directory() as scratch:
        archive = scratch / "code.tar"
        pack_tree(extent.root, extent.files, archive)
        digest = pinning.store.put_file(archive).sha256
        stands = standing(extent.root, archive, extent.leaves_out)
    if stands.dirty:
        pinning.warn(f"the work tree differs from its commit {str(stands.commit)[:12]}; it is taken as it lies there")
    return PinnedCode(
        kind="directory", url=str(local_path(pinning.code.url)), commit=stands.commit, dirty=stands.dirty,
        committed_at=stands.committed_at, subdirectory=extent.subdirectory, digest=digest,
    )  # fmt: skip


def _absence(root: Path, subdirectory: str) -> Problem | None:
    if not exists(root):
        expected = "a directory, archive, notebook, script or git repository that exists and can be reached"
        return Problem(field="code.url", expected=expected, got=str(root))
    if not root.is_dir():
        return Problem(field="code.url", expected=_SOURCES, got=f"{root}, a file of another kind")
    if not (exists(root / subdirectory) and (root / subdirectory).is_dir()):
        return Problem(field="code.subdirectory", expected=f"a directory in {root}", got=subdirectory)
    return None
