"""Lays out code and data for a stage: directories made from blobs, verified on the way.

Files are copied, never linked into the store: with the process engine the training has the uid that owns the store, and
a script that opens its input for writing would otherwise change a blob.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.snapshot import DatasetSnapshot
from verbatim.tree import MAX_CODE_BYTES, MAX_CODE_FILES, unpack_tree

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.stage import CodeRef, SnapshotRef
    from verbatim_runner.stage_context import StageContext

PARALLEL_FILES = 8


def place_code(context: StageContext, code: CodeRef, subdirectory: str, target: Path) -> Path:
    """Lay out a run's code, owned by the user's command.

    Args:
        context: The stage's.
        code: The code blob.
        subdirectory: The project's directory in it.
        target: An empty directory, or one that is not there yet; becomes the root of the whole tree.

    Returns:
        The project's directory.

    Raises:
        UserFault: The code has no such subdirectory.
    """
    project = unpack_code(context, code, subdirectory, target)
    context.isolation.give_to_trainer(target)
    return project


def unpack_code(context: StageContext, code: CodeRef, subdirectory: str, target: Path) -> Path:
    """Lay out a run's code as ``place_code`` does, but owned by the runner, to be read and not run."""
    archive = context.work_dir / f"{code.digest}.tar"
    context.store.fetch_blob(code.digest, archive)
    unpack_tree(archive, target, max_bytes=MAX_CODE_BYTES, max_files=MAX_CODE_FILES)
    archive.unlink()
    project = target / subdirectory
    if not project.resolve().is_relative_to(target.resolve()) or not project.is_dir():
        there = ", ".join(sorted(path.name for path in target.iterdir() if path.is_dir())[:20]) or "none"
        raise UserFault(
            f"the code has no directory {subdirectory!r}; directories at its top: {there}", field="code.subdirectory"
        )
    return project


def place_snapshot(context: StageContext, snapshot: SnapshotRef, target: Path) -> DatasetSnapshot:
    """Lay out a channel's files, verified and read-only.

    Args:
        context: The stage's.
        snapshot: Which files.
        target: The channel's directory; made if it is not there.

    Returns:
        The snapshot's document.
    """
    document = DatasetSnapshot.parse(context.store.get_blob(snapshot.document), source=f"snapshot {snapshot.digest}")
    target.mkdir(parents=True, exist_ok=True)

    def place(path: str, digest: str) -> None:
        context.store.fetch_blob(digest, target / path)
        (target / path).chmod(0o444)

    with ThreadPoolExecutor(PARALLEL_FILES) as pool:
        for placed in [pool.submit(place, file.path, file.sha256) for file in document.files]:
            placed.result()
    return document
