"""The store: immutable, content-addressed blobs and the documents that name them; a local directory or S3.

Writers upload blobs, verify them, and only then publish the one document that names them: a crash leaves garbage, never
a half-visible thing. Knows nothing of stages; ``layout`` spells the keys.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError

from verbatim.documents import Document, FileRef
from verbatim.errors import NotFound, PlatformFault, first_line
from verbatim.store import layout
from verbatim.store.local import move_into
from verbatim.store.opening import local_directory, open_object_store
from verbatim.store.transfer import PART_BYTES as RANGE_BYTES
from verbatim.store.transfer import Download, Truncated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from verbatim.stage import S3Credentials

D = TypeVar("D", bound=Document)

CHUNK_BYTES = 4 * 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
MAX_PARTS = 10_000
"""Of one upload to S3."""
_FAILED = (BaseError, FileNotFoundError)
"""The second is obstore's for a bucket that is not there."""


class Store:
    """Blobs and documents.

    Every method raises ``PlatformFault`` when the store does not answer, and ``NotFound`` for what is not there.

    Args:
        url: ``file:///directory``, which becomes its owner's alone, or ``s3://bucket/prefix``.
        credentials: For S3.
    """

    def __init__(self, url: str, credentials: S3Credentials | None = None) -> None:
        self.url = url
        if self.local_root:
            _close_to_others(self.local_root)
        self._objects = open_object_store(url, credentials)
        self._download = Download(self._objects)

    @cached_property
    def local_root(self) -> Path | None:
        """The directory of a local store, else None."""
        return local_directory(self.url)

    # Blobs

    def put_file(
        self, path: Path, name: str | None = None, on_sent: Callable[[int], None] = lambda _bytes: None
    ) -> FileRef:
        """Store a file's content once, as ``put_open`` does.

        Args:
            path: The file.
            name: The path to record; the file's name if not given.
            on_sent: Called with the bytes of each part of a large file that is on its way.
        """
        with path.open("rb") as content:
            return self.put_open(content, name or path.name, on_sent)

    def put_open(self, content: BinaryIO, name: str, on_sent: Callable[[int], None] = lambda _bytes: None) -> FileRef:
        """Store an open file's content once: hashed, and where it is not there yet sent in parts.

        It is hashed before it is sent, since its digest is its key, and while it is sent, so that the key never lies.

        Args:
            content: Open at its beginning.
            name: The path to record.
            on_sent: Called with the bytes of each part of a large file that is on its way.

        Returns:
            The name, the size in bytes and the SHA-256.

        Raises:
            PlatformFault: The file changed while it was stored.
        """
        first = content.read(CHUNK_BYTES + 1)
        if len(first) <= CHUNK_BYTES:
            return self.put_bytes(first, name)
        hasher = hashlib.sha256(first)
        size = len(first) + sum(len(chunk) for chunk in _read_chunks(content, hasher))
        digest = hasher.hexdigest()
        key = layout.blob(digest)
        if not self.exists(key):
            content.seek(0)
            self._put(key, _tell(_read_unchanged(content, digest, name), on_sent), part_bytes=part_size(size))
        return FileRef(path=name, size=size, sha256=digest)

    def put_bytes(self, content: bytes, name: str) -> FileRef:
        """Store bytes once, under the given name; returns the name, size and SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        try:
            obstore.put(self._objects, layout.blob(digest), content, mode="create")
        except AlreadyExistsError:
            pass
        except _FAILED as error:
            raise self._fault(error) from None
        return FileRef(path=name, size=len(content), sha256=digest)

    def take_file(self, path: Path, name: str, digest: str) -> FileRef:
        """Store a finished file that nobody else writes, and whose digest was counted as it came; it is gone then.

        A local store takes the file itself where it is on the same file system.

        Args:
            path: The file.
            name: The path to record.
            digest: The SHA-256 of its content.
        """
        size = path.stat().st_size
        key = layout.blob(digest)
        if self.local_root:
            move_into(self.local_root / key, path)
        elif not self.exists(key):
            self._put(key, path, part_bytes=part_size(size))
        path.unlink(missing_ok=True)
        return FileRef(path=name, size=size, sha256=digest)

    def get_blob(self, digest: str) -> bytes:
        """Return a small blob's content."""
        return self._get(layout.blob(digest))

    def fetch_blob(self, digest: str, target: Path) -> None:
        """Write a blob to a file, verified, appearing at its path only when it is whole; the parent is made.

        Raises:
            PlatformFault: The content does not have the digest.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            hasher = hashlib.sha256()
            with os.fdopen(descriptor, "wb") as out:
                self._write(layout.blob(digest), out, hasher)
            if hasher.hexdigest() != digest:
                raise PlatformFault(f"blob {digest} in {self.url} is damaged: its content has another digest")
            Path(part).chmod(0o644)
            Path(part).replace(target)
        finally:
            Path(part).unlink(missing_ok=True)

    # Documents

    def publish(self, key: str, document: Document) -> None:
        """Write a document that must not be there yet; the same content once more is fine.

        Raises:
            PlatformFault: Another content is there already.
        """
        content = document.canonical()
        try:
            obstore.put(self._objects, key, content, mode="create")
        except AlreadyExistsError:
            if self._get(key) != content:
                raise PlatformFault(f"{key} is there already, with another content; it is never rewritten") from None
        except _FAILED as error:
            raise self._fault(error) from None

    def overwrite(self, key: str, content: bytes) -> None:
        """Write bytes that may replace what is there: live segments and index entries only."""
        self._put(key, content)

    def read(self, key: str, kind: type[D]) -> D:
        """Read a document.

        Raises:
            NotFound: It is not there.
            ContractError: It cannot be read as one of this kind.
        """
        return kind.parse(self._get(key), source=key)

    def read_bytes(self, key: str) -> bytes:
        """Return an object's content."""
        return self._get(key)

    def exists(self, key: str) -> bool:
        """Return whether an object is there."""
        try:
            obstore.head(self._objects, key)
        except (NotFoundError, FileNotFoundError):
            return False
        except BaseError as error:
            raise self._fault(error) from None
        return True

    def size(self, key: str) -> int:
        """Return an object's size in bytes."""
        with self._faults(key):
            return int(obstore.head(self._objects, key)["size"])

    def keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix (a whole path segment), sorted."""
        try:
            found = [item["path"] for batch in obstore.list(self._objects, prefix) for item in batch]
        except BaseError as error:
            raise self._fault(error) from None
        return sorted(found)

    def _put(self, key: str, content: object, part_bytes: int = PART_BYTES) -> None:
        try:
            obstore.put(self._objects, key, content, chunk_size=part_bytes)  # type: ignore[arg-type]
        except _FAILED as error:
            raise self._fault(error) from None

    def _get(self, key: str) -> bytes:
        with self._faults(key):
            return bytes(obstore.get(self._objects, key).bytes())

    def _write(self, key: str, out: BinaryIO, hasher: hashlib._Hash) -> None:
        """Write an object into an open file; a large one comes from S3 in ranges."""
        with self._faults(key):
            answer = obstore.get(self._objects, key)
            size = answer.meta["size"]
            if size > RANGE_BYTES and not self.local_root:
                del answer  # its connection ends; few bytes have come
                self._download.write(key, size, out.fileno(), [hasher])
                return
            for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                hasher.update(chunk)
                out.write(chunk)

    @contextmanager
    def _faults(self, key: str) -> Iterator[None]:
        try:
            yield
        except (NotFoundError, FileNotFoundError):
            raise NotFound(f"{key} is not in the store {self.url}") from None
        except (BaseError, Truncated) as error:
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> PlatformFault:
        return PlatformFault(f"the store {self.url} does not answer as it should: {first_line(error)}")


def _close_to_others(directory: Path) -> None:
    """Make a directory if it is not there, and its owner's alone: a training must not read other runs' blobs."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = stat.S_IMODE(directory.stat().st_mode)
        if mode & 0o077:
            directory.chmod(mode & ~0o077)
    except OSError as error:
        raise PlatformFault(
            f"the store file://{directory} cannot be made its owner's alone: {error.strerror}"
        ) from None


def hash_file(path: Path) -> tuple[str, int]:
    """Return a file's SHA-256 and its size in bytes."""
    hasher = hashlib.sha256()
    with path.open("rb") as content:
        size = sum(len(chunk) for chunk in _read_chunks(content, hasher))
    return hasher.hexdigest(), size


def part_size(size: int) -> int:
    """Return how many bytes each part of a large object has: S3 takes at most ``MAX_PARTS`` of them."""
    return max(PART_BYTES, -(-size // MAX_PARTS))


def _read_chunks(content: BinaryIO, hasher: hashlib._Hash) -> Iterator[bytes]:
    """Yield what is left of an open file, and feed the hash with just what was yielded."""
    while chunk := content.read(CHUNK_BYTES):
        hasher.update(chunk)
        yield chunk


def _read_unchanged(content: BinaryIO, digest: str, name: str) -> Iterator[bytes]:
    """Yield an open file's content; where it is not what it was, its end is an error, so that it is never stored.

    Raises:
        PlatformFault: It has another digest now.
    """
    hasher = hashlib.sha256()
    yield from _read_chunks(content, hasher)
    if hasher.hexdigest() != digest:
        raise PlatformFault(f"{name} changed while it was stored")


def _tell(chunks: Iterable[bytes], listener: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        listener(len(chunk))
