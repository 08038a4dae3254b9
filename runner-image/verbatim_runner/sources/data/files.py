"""Data in files of the platform's machine: a directory, read recursively, or one file."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from verbatim.beneath import open_beneath
from verbatim.errors import UserFault
from verbatim.paths import local_path
from verbatim.problems import printable
from verbatim.snapshot import SourceObject, SourceState
from verbatim_runner.sources.data.moment import objects_as_of

if TYPE_CHECKING:
    from verbatim.channels import FileSource
    from verbatim_runner.sources.data.interface import DataSink, OnBytes

CHUNK_BYTES = 1024 * 1024


class FileData:
    """A directory or file."""

    def __init__(self, source: FileSource, as_of: datetime, *, field: str) -> None:
        self.name = source.uri
        self._as_of = as_of
        self.field = field
        self._path = local_path(source.uri)

    def state(self) -> SourceState:
        """Return the files that are not newer than the moment."""
        return SourceState(objects=objects_as_of(self._objects(), self._as_of, self.name, field=self.field))

    def fetch(self, state: SourceState, sink: DataSink) -> None:
        """Copy the files."""
        sink.take_objects(state.objects, self._copy)

    def _objects(self) -> list[SourceObject]:
        """Return the file, or every file below the directory.

        A link to a file counts as that file, one to a directory is not followed; neither may lead out of the directory,
        where it would read what the conf does not name.
        """
        if self._path.is_file():
            return [_describe(self._path, self._path.name)]
        if not self._path.is_dir():
            raise UserFault(f"{self._path} is neither a file nor a directory that can be read here", field=self.field)
        found = []
        root = self._path.resolve()
        for folder, folders, names in os.walk(root, onerror=self._refuse):
            for link in (path for name in (*folders, *names) if (path := Path(folder) / name).is_symlink()):
                if not link.resolve().is_relative_to(root):
                    raise UserFault(
                        f"the link {link} leads out of {self._path}; copy the data there instead", field=self.field
                    )
            paths = (Path(folder) / name for name in names)
            found += [(path, path.relative_to(root).as_posix()) for path in paths if path.is_file()]
        for path, name in found:
            if printable(name) != name:
                message = f"the file {os.fsencode(path)!r} cannot be kept: its name is not UTF-8. Give it another"
                raise UserFault(message, field=self.field)
        return [_describe(path, name) for path, name in found]

    def _copy(self, item: SourceObject, target: Path, on_bytes: OnBytes) -> str:
        """Copy one file; returns its SHA-256."""
        hasher = hashlib.sha256()
        with self._opened(item) as content, target.open("wb") as out:
            while chunk := content.read(CHUNK_BYTES):
                hasher.update(chunk)
                out.write(chunk)
                on_bytes(len(chunk))
            now = _described(os.fstat(content.fileno()), item.path)
        if now != item or target.stat().st_size != item.size:
            message = (
                f"{self.name}: {item.path} changed while it was read; write new data beside the old, and move finished "
                "files into place"
            )
            raise UserFault(message, field=self.field)
        return hasher.hexdigest()

    def _opened(self, item: SourceObject) -> BinaryIO:
        """Open a file that was listed; where it has become a link since, only one that stays in the directory."""
        is_file = self._path.is_file()
        root = self._path.resolve().parent if is_file else self._path.resolve()
        real = self._path.resolve() if is_file else (root / item.path).resolve()
        content = open_beneath(root, real.relative_to(root).as_posix()) if real.is_relative_to(root) else None
        if content is None:
            raise UserFault(f"{real} cannot be read any more", field=self.field)
        return content

    def _refuse(self, error: OSError) -> None:
        raise UserFault(f"{error.filename} cannot be read: {error.strerror}", field=self.field)


def _describe(path: Path, name: str) -> SourceObject:
    return _described(path.stat(), name)


def _described(status: os.stat_result, name: str) -> SourceObject:
    return SourceObject(path=name, size=status.st_size, modified_at=datetime.fromtimestamp(status.st_mtime, tz=UTC))
