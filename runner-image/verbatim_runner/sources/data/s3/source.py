"""Data in an S3-compatible store: everything under a prefix, or one object, as of a moment."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from obstore.exceptions import NotFoundError, PreconditionError

from verbatim.errors import PlatformFault, UserFault
from verbatim.problems import printable
from verbatim.snapshot import SourceObject, SourceState
from verbatim.store import open_object_store
from verbatim.store.transfer import Download
from verbatim_runner.sources.data.moment import objects_as_of
from verbatim_runner.sources.data.s3.checksums import md5_of, stored_checksum
from verbatim_runner.sources.data.s3.client import error_code, faults, open_client
from verbatim_runner.sources.data.s3.listing import Bucket, Entry

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from obstore import GetOptions, GetResult

    from verbatim.channels import S3Source
    from verbatim.stage import S3Credentials
    from verbatim_runner.sources.data.interface import DataSink, OnBytes
    from verbatim_runner.sources.data.s3.checksums import Checksum

TRIES = 3
"""Of an object whose content is not what its checksum says."""


class S3Data:
    """A prefix of whole path segments, or an object."""

    def __init__(self, source: S3Source, as_of: datetime, credentials: S3Credentials, *, field: str) -> None:
        self.name = source.uri
        self.field = field
        self._as_of = as_of.replace(microsecond=0)
        self._bucket, _, key = source.uri.removeprefix("s3://").partition("/")
        self._is_directory = key.endswith("/")
        self._root = self._key = key.strip("/")
        self._credentials = credentials
        self._download = Download(open_object_store(f"s3://{self._bucket}", credentials))
        self._etags_are_md5 = True

    def state(self) -> SourceState:
        """Return the objects as of the moment."""
        with faults(self.name, self.field):
            found = self._found()
        return SourceState(objects=objects_as_of(found, self._as_of, self.name, field=self.field))

    def fetch(self, state: SourceState, sink: DataSink) -> None:
        """Download the objects."""
        sink.take_objects(state.objects, self._copy)

    @cached_property
    def _client(self) -> Any:
        return open_client(self._credentials)

    def _found(self) -> list[SourceObject]:
        """Return the objects under the prefix, or the one object of that name. Directory markers are left out."""
        bucket = Bucket(self._client, self._bucket, field=self.field)
        if self._key and not self._is_directory:
            single = bucket.entries(self._key, self._as_of, only=True)
            if single:
                self._root = self._key.rpartition("/")[0]
                return [_described(single[0], PurePosixPath(self._key).name)]
        prefix = f"{self._key}/" if self._key else ""
        found = bucket.entries(prefix, self._as_of, only=False)
        files = [item for item in found if not (item.key.endswith("/") and item.size == 0)]
        parents = {str(parent) for item in files for parent in PurePosixPath(item.key).parents}
        files = [item for item in files if not (item.size == 0 and item.key in parents)]
        for item in files:
            self._demand_path(item.key, item.key[len(prefix) :], parents)
        return [_described(item, item.key[len(prefix) :]) for item in files]

    def _demand_path(self, key: str, path: str, parents: set[str]) -> None:
        """Refuse an object that no file below the channel's directory can be.

        Raises:
            UserFault: Its key leads elsewhere, is not UTF-8, or is also that of a directory.
        """
        segments = path.split("/")
        shown = repr(printable(key))
        if {"", ".", ".."} & set(segments):
            message = f"the object {shown} cannot be a file: its key has an empty segment, '.' or '..' in it"
        elif "\ufffd" in path or printable(path) != path or any(ord(char) < 32 or ord(char) == 127 for char in path):
            message = f"the object {shown} cannot be a file: its key is not UTF-8, or has control characters"
        elif key in parents:
            message = f"the object {shown} cannot be a file: other objects lie below it as in a directory"
        else:
            return
        raise UserFault(f"{message}. Copy it to another key, or name a prefix without it", field=self.field)

    def _copy(self, item: SourceObject, target: Path, on_bytes: OnBytes) -> str:
        """Download one object, only if it is still the one that was listed; returns its verified SHA-256."""
        key = f"{self._root}/{item.path}".lstrip("/")
        with faults(self.name, self.field):
            checksum = self._checksum(key, item)
            for _ in range(TRIES):
                hasher = hashlib.sha256()
                self._write(key, item, target, [hasher, *([checksum.hash] if checksum else [])], on_bytes)
                if checksum is None or checksum.holds():
                    return hasher.hexdigest()
                on_bytes(-item.size)
                checksum = self._checksum(key, item, doubted=checksum)
        kind = checksum.kind if checksum else "checksum"
        raise PlatformFault(f"{self.name}: {item.path} came damaged {TRIES} times: its {kind} is not the server's")

    def _write(self, key: str, item: SourceObject, target: Path, hashes: list[Any], on_bytes: OnBytes) -> None:
        def check(answer: GetResult) -> None:
            etag = (answer.meta["e_tag"] or "").strip('"')
            if (item.etag and etag != item.etag) or answer.meta["size"] != item.size:
                raise self._changed(item)

        options: GetOptions = {}
        if item.etag:
            options["if_match"] = f'"{item.etag}"'
        if item.version:
            options["version"] = item.version
        try:
            with target.open("wb", buffering=0) as out:
                self._download.write(
                    key, item.size, out.fileno(), hashes, options=options, check=check, on_bytes=on_bytes
                )
        except (NotFoundError, FileNotFoundError, PreconditionError):
            raise self._changed(item) from None

    def _checksum(self, key: str, item: SourceObject, doubted: Checksum | None = None) -> Checksum | None:
        """Return what to verify an object by: its ETag where that is an MD5, else a checksum that the server keeps.

        Args:
            key: The object's.
            item: The object.
            doubted: What its content was not; the ETag of an encrypted object is no MD5, and not taken again.
        """
        md5 = md5_of(item.etag, item.size) if self._etags_are_md5 else None
        if md5 and not doubted:
            return md5
        from botocore.exceptions import ClientError

        version = {"VersionId": item.version} if item.version else {}
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED", **version)
        except ClientError as error:
            if error_code(error) in {"404", "NoSuchKey", "NoSuchVersion"}:
                raise self._changed(item) from None
            raise
        if head.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in head:
            self._etags_are_md5, md5 = False, None
        return stored_checksum(head) or md5

    def _changed(self, item: SourceObject) -> UserFault:
        message = (
            f"{self.name}: {item.path} changed while it was read; write new data under new names, not over the old"
        )
        return UserFault(message, field=self.field)


def _described(entry: Entry, path: str) -> SourceObject:
    assert entry.size is not None
    return SourceObject(
        path=path, size=entry.size, modified_at=entry.modified_at, etag=entry.etag, version=entry.version
    )
