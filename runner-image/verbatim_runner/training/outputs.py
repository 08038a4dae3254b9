"""Takes over the files that the user's command left, and stores them.

Those files were another uid's. They are read only after everything of that uid has ended and they belong to the runner,
and links out of the work directory are never followed.
"""

from __future__ import annotations

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verbatim.documents import FileRef
    from verbatim_runner.isolation import Isolation
    from verbatim_runner.stage_context import StageContext

PARALLEL_FILES = 8
PROGRESS_INTERVAL_S = 2.0

Named = tuple[str, Path]
"""The name to record, a relative POSIX path, and the file."""


def take_back(isolation: Isolation, directories: Iterable[Path]) -> None:
    """Make the runner the owner of directory trees, readable whatever their modes were; links are not followed."""
    if not isolation.switches:
        return
    uid, gid = os.geteuid(), os.getegid()
    with isolation.as_root():
        for directory in directories:
            for folder, _, files in os.walk(directory):
                os.chown(folder, uid, gid)
                Path(folder).chmod(0o755)
                for name in files:
                    path = Path(folder, name)
                    os.lchown(path, uid, gid)
                    if not path.is_symlink():
                        path.chmod(path.stat().st_mode | stat.S_IRUSR)


def files_below(context: StageContext, directory: Path, prefix: str = "") -> Iterator[Named]:
    """Yield the files of a directory, sorted; a link counts as the file that it leads to inside the work directory.

    Links that lead elsewhere, or to directories, are left out with a warning; sockets and pipes without one.
    """
    work = context.work_dir.resolve()
    for folder, directories, files in os.walk(directory):
        directories.sort()
        for name in sorted([*files, *(name for name in directories if Path(folder, name).is_symlink())]):
            path = Path(folder, name)
            shown = prefix + path.relative_to(directory).as_posix()
            if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(work)):
                context.warn(
                    f"{shown} is a link to {path.readlink()} and was not kept; only links to files of the run are"
                )
            elif stat.S_ISREG(path.stat().st_mode):
                yield shown, path


def store_files(context: StageContext, files: Iterable[Named], what: str) -> tuple[FileRef, ...]:
    """Store files as blobs, several at once; says how far it is every two seconds.

    Args:
        context: The stage's.
        files: Which, under which names.
        what: What they are, for the messages.

    Returns:
        Their references, in the same order.
    """
    files = list(files)
    said_at = time.monotonic()
    stored: list[FileRef] = []
    pool = ThreadPoolExecutor(PARALLEL_FILES)
    try:
        for future in [pool.submit(context.store.put_file, path, name) for name, path in files]:
            stored.append(future.result())
            if time.monotonic() - said_at > PROGRESS_INTERVAL_S:
                context.console.say(f"storing the {what}: {len(stored)} of {len(files)} files")
                said_at = time.monotonic()
    finally:
        pool.shutdown(cancel_futures=True)
    return tuple(stored)
