"""Takes over the files that the user's command left, and stores them.

Those files were another uid's. They are read only after everything of that uid has ended and they belong to the runner,
and links out of the work directory are never followed.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.problems import printable
from verbatim_runner.console import PROGRESS_INTERVAL_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verbatim.documents import FileRef
    from verbatim_runner.isolation import Isolation
    from verbatim_runner.stage_context import StageContext

PARALLEL_FILES = 8
PARALLEL_LARGE_FILES = 2
"""Each has up to 12 parts of 5 MiB in memory."""
LARGE_BYTES = 64 * 1024 * 1024

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


def lies_within(path: Path, work: Path) -> bool:
    """Return whether a path, all links followed, is one inside the work directory.

    The training may have replaced any directory of its own by a link to what the runner can read and it cannot.
    """
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(work))  # resolve() raises where links go round


def belongs_to_run(context: StageContext, path: Path) -> bool:
    """Return whether a path, all links followed, lies in the run's own directories or, in a container, its ``/tmp``."""
    own = (context.work_dir, *context.own_directories, *system_temporary(context))
    return any(lies_within(path, root) for root in own)


def system_temporary(context: StageContext) -> tuple[Path, ...]:
    """Return ``/tmp`` in a container, where it is the run's own; nothing on a machine that others use, too."""
    return (Path("/tmp"),) if context.request.engine == "docker" else ()  # noqa: S108


def files_below(context: StageContext, directory: Path, prefix: str = "") -> Iterator[Named]:
    """Yield the files of a directory, sorted; a link counts as the file that it leads to inside the work directory.

    Links that lead elsewhere, or to directories, are left out with a warning; sockets and pipes without one. So is the
    directory itself, where it was replaced by a link that leads elsewhere.
    """
    if not belongs_to_run(context, directory):
        context.warn(
            f"{directory} leads to {os.path.realpath(directory)}; nothing there was kept, only files of the run are"
        )
        return
    for folder, directories, files in os.walk(directory):
        directories.sort()
        for name in sorted([*files, *(name for name in directories if Path(folder, name).is_symlink())]):
            path = Path(folder, name)
            shown = prefix + path.relative_to(directory).as_posix()
            if path.is_symlink() and not (belongs_to_run(context, path) and path.is_file()):
                context.warn(
                    f"{shown} is a link to {path.readlink()} and was not kept; only links to files of the run are"
                )
            elif stat.S_ISREG(path.stat().st_mode):
                yield shown, path


def store_files(context: StageContext, files: Iterable[Named], what: str) -> tuple[FileRef, ...]:
    """Store files as blobs, several at once; says how far it is every two seconds, also within a large file.

    Args:
        context: The stage's.
        files: Which, under which names.
        what: What they are, for the messages.

    Returns:
        Their references, in the same order.

    Raises:
        UserFault: A name is not UTF-8, so that no document can hold it.
    """
    files = list(files)
    unnameable = next((name for name, _ in files if printable(name) != name), None)
    if unnameable is not None:
        raise UserFault(f"the file {os.fsencode(unnameable)!r} cannot be kept: its name is not UTF-8. Give it another")
    small, large = ThreadPoolExecutor(PARALLEL_FILES), ThreadPoolExecutor(PARALLEL_LARGE_FILES)
    sent = _Sent(context, what)
    try:
        stored = [
            (large if path.stat().st_size > LARGE_BYTES else small).submit(context.store.put_file, path, name, sent.add)
            for name, path in files
        ]
        going_on = set(stored)
        while going_on:
            done, going_on = wait(going_on, PROGRESS_INTERVAL_S, FIRST_EXCEPTION)
            sent.say_if_due(f"{len(stored) - len(going_on)} of {len(stored)} files")
            for future in done:
                future.result()
        return tuple(future.result() for future in stored)
    finally:
        for pool in (small, large):
            pool.shutdown(cancel_futures=True)


class _Sent:
    """Counts what was sent of large files, and says it; any thread may add, one says."""

    def __init__(self, context: StageContext, what: str) -> None:
        self._context = context
        self._what = what
        self._bytes = 0
        self._lock = threading.Lock()
        self._said_at = time.monotonic()

    def add(self, sent_bytes: int) -> None:
        with self._lock:
            self._bytes += sent_bytes

    def say_if_due(self, progress: str) -> None:
        if time.monotonic() - self._said_at < PROGRESS_INTERVAL_S:
            return
        self._said_at = time.monotonic()
        large = f", {self._bytes / 1024**2:.0f} MiB of large ones" if self._bytes else ""
        self._context.console.say(f"storing the {self._what}: {progress}{large}")
