"""Data in an S3-compatible store: everything under a prefix, or one object."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from verbatim.errors import PlatformFault, UserFault
from verbatim.snapshot import SourceObject, SourceState
from verbatim.store import open_object_store
from verbatim_runner.sources.data.moment import objects_as_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from obstore import ObjectMeta

    from verbatim.channels import S3Source
    from verbatim.stage import S3Credentials
    from verbatim_runner.sources.data.interface import DataSink, OnBytes

CHUNK_BYTES = 8 * 1024 * 1024


class S3Data:
    """A prefix of whole path segments, or an object."""

    def __init__(self, source: S3Source, as_of: datetime, credentials: S3Credentials, *, field: str) -> None:
        self.name = source.uri
        self._as_of = as_of
        self.field = field
        bucket, _, key = source.uri.removeprefix("s3://").partition("/")
        self._is_directory = key.endswith("/")
        self._root = self._key = key.strip("/")
        self._bucket = open_object_store(f"s3://{bucket}", credentials)

    def state(self) -> SourceState:
        """Return the objects that are not newer than the moment."""
        return SourceState(objects=objects_as_of(self._objects(), self._as_of, self.name, field=self.field))

    def fetch(self, state: SourceState, sink: DataSink) -> None:
        """Download the objects."""
        sink.take_objects(state.objects, self._copy)

    def _objects(self) -> list[SourceObject]:
        """Return the objects under the prefix, or the one object of that name. Directory markers are left out."""
        with self._faults():
            single = self._single()
            if single:
                self._root = self._key.rpartition("/")[0]
                return [_describe(single, PurePosixPath(self._key).name)]
            found = [item for batch in obstore.list(self._bucket, self._key or None) for item in batch]
        parents = {str(parent) for item in found for parent in PurePosixPath(item["path"]).parents}
        start = len(self._key) + 1 if self._key else 0
        return [
            _describe(item, item["path"][start:])
            for item in found
            if item["path"] != self._key and not (item["size"] == 0 and item["path"] in parents)
        ]

    def _copy(self, item: SourceObject, target: Path, on_bytes: OnBytes) -> None:
        """Download one object, only if it is still the one that was listed."""
        key = f"{self._root}/{item.path}".lstrip("/")
        with self._faults():
            try:
                answer = obstore.get(self._bucket, key)
            except (NotFoundError, FileNotFoundError):
                raise self._changed(item) from None
            if answer.meta["e_tag"] != item.etag or answer.meta["size"] != item.size:
                raise self._changed(item)
            with target.open("wb") as out:
                for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                    out.write(chunk)
                    on_bytes(len(chunk))
        if target.stat().st_size != item.size:
            raise PlatformFault(
                f"{self.name}: {item.path} came with {target.stat().st_size} bytes instead of {item.size}"
            )

    def _single(self) -> ObjectMeta | None:
        if self._is_directory or not self._key:
            return None
        try:
            return obstore.head(self._bucket, self._key)
        except (NotFoundError, FileNotFoundError):
            return None

    def _changed(self, item: SourceObject) -> UserFault:
        message = (
            f"{self.name}: {item.path} changed while it was read; write new data under new names, not over the old"
        )
        return UserFault(message, field=self.field)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise UserFault(
                f"{self.name} may not be read with this connection: {_first_line(error)}", field=self.field
            ) from None
        except (NotFoundError, FileNotFoundError) as error:
            raise UserFault(f"{self.name} is not there: {_first_line(error)}", field=self.field) from None
        except BaseError as error:
            if "NoSuchBucket" in str(error):
                raise UserFault(f"{self.name} is not there: no such bucket", field=self.field) from None
            raise PlatformFault(f"{self.name} does not answer as it should: {_first_line(error)}") from None


def _describe(item: ObjectMeta, path: str) -> SourceObject:
    return SourceObject(
        path=path, size=item["size"], modified_at=item["last_modified"], etag=item["e_tag"], version=item["version"]
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
