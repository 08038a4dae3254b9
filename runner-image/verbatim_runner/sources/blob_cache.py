"""The host's cache of data files: blobs by digest, each once, and what was not used for longest goes first.

::

    <cache_dir>/data/<uid>/lock           held while trees begin and end, and while blobs are evicted
    <cache_dir>/data/<uid>/blobs/<2>/…    files that nobody writes; only the runner can look in
    <cache_dir>/data/<uid>/trees/<name>   what one stage reads: links to blobs, under the snapshots' own names
    <cache_dir>/data/<uid>/trees/<name>.lock   held by that stage as long as it lives

A file comes into a tree first and gets its name among the blobs when it is whole and verified; a stage that is killed
leaves its tree, whose lock nobody holds any more, and the next one removes it. Eviction takes a blob's name away and
nothing else: who reads the file still has it. Each uid that runners work as has a cache of its own.

Only where the user's command is another uid (containers) is a tree shown to it; it can neither write a file of it nor
look at the blobs. With the process engine it could, and is given copies (``workspace``).
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from verbatim.documents import FileRef
    from verbatim_runner.stage_context import StageContext

PARALLEL_FILES = 8
NAME_BYTES = 16
"""Of a tree's name: what cannot be listed cannot be guessed either."""


class BlobCache:
    """One host's cache of one uid.

    Args:
        context: The stage's; its limits say how large the cache may grow.
    """

    def __init__(self, context: StageContext) -> None:
        self._isolation = context.isolation
        self._store = context.store
        self._limit = context.request.limits.data_bytes
        self._root = context.cache_dir / "data" / str(os.geteuid())
        self._blobs, self._trees = self._root / "blobs", self._root / "trees"
        self._isolation.make_directory(self._root)
        self._blobs.mkdir(mode=0o700, exist_ok=True)
        self._trees.mkdir(mode=0o711, exist_ok=True)

    @contextmanager
    def tree(self) -> Iterator[Path]:
        """Give an empty directory to ``place`` files in; it goes when it is left, and the cache is within its limit."""
        tree = self._trees / secrets.token_hex(NAME_BYTES)
        with ExitStack() as life:
            with self._alone():
                self._remove_dead()
                lock = life.enter_context(_opened(tree.with_suffix(".lock")))
                fcntl.flock(lock, fcntl.LOCK_EX)
                tree.mkdir(mode=0o755)
            try:
                yield tree
            finally:
                with self._alone():
                    self._remove(tree)
                    self._evict(0)

    def place(self, files: Mapping[Path, FileRef]) -> None:
        """Make files appear in a tree, linked to their blobs; those that this host does not have are fetched.

        Args:
            files: Path in the tree to what is to lie there. Directories may be given away afterwards, files not.

        Raises:
            PlatformFault: The store does not have a file, or another content under its digest.
        """
        missing = {target: file for target, file in files.items() if not self._link(target, file)}
        if not missing:
            return
        sizes = {file.sha256: file.size for file in missing.values()}
        with self._alone():
            self._evict(sum(sizes.values()))
        with ThreadPoolExecutor(PARALLEL_FILES) as pool:
            for fetched in [pool.submit(self._fetch, target, file) for target, file in missing.items()]:
                fetched.result()

    def forget(self, file: FileRef) -> None:
        """Drop a blob that was found to be damaged."""
        self._blob(file).unlink(missing_ok=True)

    def _blob(self, file: FileRef) -> Path:
        return self._blobs / file.sha256[:2] / file.sha256

    def _link(self, target: Path, file: FileRef) -> bool:
        """Link a blob and note its use; one that lost its end with the machine's power is dropped."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._blob(file), target)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.EMLINK:  # 65,000 names on ext4: of the empty file, most likely
                return False
            raise
        found = target.stat()
        if found.st_size != file.size:
            target.unlink()
            self.forget(file)
            return False
        os.utime(target, ns=(time.time_ns(), found.st_mtime_ns))
        return True

    def _fetch(self, target: Path, file: FileRef) -> None:
        self._store.fetch_blob(file.sha256, target)
        target.chmod(0o444)
        blob = self._blob(file)
        blob.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            os.link(target, blob)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _opened(self._root / "lock") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _remove_dead(self) -> None:
        """Remove the trees of stages that were killed: nobody holds their locks."""
        for lock in self._trees.glob("*.lock"):
            with suppress(BlockingIOError), _opened(lock) as life:
                fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove(lock.with_suffix(""))

    def _remove(self, tree: Path) -> None:
        """Remove a tree, whatever the user's command made of its directories, and then its lock."""
        with self._isolation.as_root():
            shutil.rmtree(tree, ignore_errors=True)
        if not tree.exists():
            tree.with_suffix(".lock").unlink(missing_ok=True)

    def _evict(self, incoming_bytes: int) -> None:
        """Take away what was not used for longest, until there is room; never what a tree still has."""
        known = [_Blob.of(entry) for folder in os.scandir(self._blobs) for entry in os.scandir(folder)]
        excess = sum(blob.size for blob in known) + incoming_bytes - self._limit
        for blob in sorted(known, key=lambda blob: blob.used_at):
            if excess <= 0:
                return
            if not blob.is_in_use:
                blob.path.unlink(missing_ok=True)
                excess -= blob.size


@dataclass(frozen=True)
class _Blob:
    path: Path
    size: int
    used_at: int
    is_in_use: bool

    @classmethod
    def of(cls, entry: os.DirEntry[str]) -> _Blob:
        found = entry.stat(follow_symlinks=False)
        return cls(Path(entry.path), found.st_size, found.st_atime_ns, found.st_nlink > 1)


@contextmanager
def _opened(lock: Path) -> Iterator[BinaryIO]:
    """Open a lock file, made if it is not there; closing it lets the lock go."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        yield file
