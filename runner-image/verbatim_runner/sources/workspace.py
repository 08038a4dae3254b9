"""Lays out code and data for a stage: directories made from blobs, verified on the way.

In a container data files are links into the host's cache of blobs, which the user's command cannot write. With the
process engine they are copies: the command has the uid that owns store and cache, and a script that opens its input for
writing would otherwise change a blob.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.snapshot import DatasetSnapshot
from verbatim.store import hash_file
from verbatim.tree import MAX_CODE_BYTES, MAX_CODE_FILES, unpack_tree
from verbatim_runner.sources.blob_cache import BlobCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from verbatim.documents import FileRef
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
    """Lay out one channel's files, verified and read-only.

    Args:
        context: The stage's.
        snapshot: Which files.
        target: The channel's directory, empty or not there; in a container it becomes a link to the host's cache.

    Returns:
        The snapshot's document.
    """
    return place_snapshots(context, {"": snapshot}, target)[""]


def place_snapshots(
    context: StageContext, snapshots: Mapping[str, SnapshotRef], target: Path
) -> dict[str, DatasetSnapshot]:
    """Lay out channels, each as a directory of its name below one that is as ``place_snapshot``'s.

    The link is above the channels, so that programs which do not follow links find all files below it.
    """
    documents = {
        name: DatasetSnapshot.parse(context.store.get_blob(ref.document), source=f"snapshot {ref.digest}")
        for name, ref in snapshots.items()
    }
    files = [(Path(name, file.path), file) for name, document in documents.items() for file in document.files]
    if context.isolation.switches:
        cache = BlobCache(context)
        tree = context.closing.enter_context(cache.tree())
        for name in snapshots:
            (tree / name).mkdir(exist_ok=True)
        cache.place({tree / path: file for path, file in files})
        if target.exists():
            target.rmdir()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(tree)
        context.own_directories.append(tree)
    else:
        for name in snapshots:
            (target / name).mkdir(parents=True, exist_ok=True)
        copy = _copy_from_store if context.store.local_root else _copy_from_cache
        copy(context, {target / path: file for path, file in files})
    return documents


def _copy_from_store(context: StageContext, files: Mapping[Path, FileRef]) -> None:
    """Copy files from a store that lies on this machine: a cache of it would be a second one."""

    def copy(target: Path, file: FileRef) -> None:
        context.store.fetch_blob(file.sha256, target)
        target.chmod(0o444)

    _for_each(copy, files)


def _copy_from_cache(context: StageContext, files: Mapping[Path, FileRef]) -> None:
    """Copy files that the cache has, or then has: whoever owns it could change them, so each copy is verified."""
    cache = BlobCache(context)
    with cache.tree() as tree:
        cached = {target: tree / str(number) for number, target in enumerate(files)}
        cache.place({cached[target]: file for target, file in files.items()})

        def copy(target: Path, file: FileRef) -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(cached[target], target)
            if hash_file(target)[0] != file.sha256:
                cache.forget(file)
                target.unlink()
                context.store.fetch_blob(file.sha256, target)
            target.chmod(0o444)

        _for_each(copy, files)


def _for_each(do: Callable[[Path, FileRef], None], files: Mapping[Path, FileRef]) -> None:
    with ThreadPoolExecutor(PARALLEL_FILES) as pool:
        for done in [pool.submit(do, target, file) for target, file in files.items()]:
            done.result()
