"""Where a server writes a result itself: gives the directory, brings its files, and leaves nothing there."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from verbatim.errors import PlatformFault, UserFault, first_line
from verbatim.paths import local_path
from verbatim.store import open_object_store
from verbatim.store.transfer import Download, Truncated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verbatim.stage import S3Credentials

_HIDDEN = ("_", ".")


class ExportDirectory:
    """A directory of one query's result.

    Args:
        prefix: ``file:///…`` or ``s3://…``, of all results.
        name: Below it, of this one; the server empties it first.
        credentials: Of an ``s3://`` prefix.
        field: The conf field, for messages.

    Raises:
        UserFault: The prefix cannot be written into a statement.
    """

    def __init__(self, prefix: str, name: str, credentials: S3Credentials | None, *, field: str) -> None:
        self.uri = f"{prefix.rstrip('/')}/{name}/"
        if any(char in "'\"\\" or ord(char) < 32 for char in self.uri):
            raise UserFault(f"the exports' prefix {prefix!r} holds quotes or backslashes; use another", field=field)
        self._credentials = credentials

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Delete the directory when the block ends, however it does."""
        try:
            yield
        finally:
            with suppress(
                BaseError, OSError, PlatformFault
            ):  # what is left holds up nobody: names are never used twice
                self._delete()

    def bring(self, target: Path) -> list[Path]:
        """Copy the server's files to an empty directory, in the order of their names.

        Raises:
            PlatformFault: They cannot be read.
        """
        store = open_object_store(self.uri, self._credentials)
        download = Download(store)
        paths: list[Path] = []
        try:
            found = [item for batch in obstore.list(store) for item in batch]
            for item in sorted(found, key=lambda item: item["path"]):
                if not item["size"] or any(part.startswith(_HIDDEN) for part in item["path"].split("/")):
                    continue
                paths.append(target / f"{len(paths):05d}.parquet")
                with paths[-1].open("wb", buffering=0) as out:
                    download.write(item["path"], item["size"], out.fileno(), ())
        except (BaseError, OSError, Truncated) as error:
            message = f"what the Hive server wrote to {self.uri} cannot be read: {first_line(error)}"
            raise PlatformFault(message) from None
        return paths

    def _delete(self) -> None:
        if self.uri.startswith("file:"):
            directory = local_path(self.uri)
            shutil.rmtree(directory, ignore_errors=True)
            for parent in list(directory.parents)[:2]:
                parent.rmdir()
            return
        store = open_object_store(self.uri, self._credentials)
        for batch in obstore.list(store):
            obstore.delete(store, [item["path"] for item in batch])
