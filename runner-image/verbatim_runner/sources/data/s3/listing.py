"""What a bucket holds under a prefix as of a moment: its newest versions by then, or the objects that are there now.

S3 tells in whole seconds when an object was written. So does a moment count here: all of its second belongs to it, and
a listing waits until that second is over, so that the same moment always means the same objects.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim_runner.sources.data.s3.client import is_forbidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NO_VERSIONS = {"NotImplemented", "MethodNotAllowed", "NotSupported"}


@dataclass(frozen=True)
class Entry:
    """One object, or one version of it.

    Attributes:
        key: Its whole key.
        size: In bytes; None for a delete marker.
        modified_at: The second in which it was written.
        etag: Without quotes.
        version: None where the bucket keeps no versions.
        is_latest: Whether there is none after it.
    """

    key: str
    size: int | None
    modified_at: datetime
    etag: str | None
    version: str | None = None
    is_latest: bool = True


class Bucket:
    """Lists one bucket.

    Args:
        client: botocore's.
        name: The bucket's.
        field: The conf field that names it, for messages.
    """

    def __init__(self, client: Any, name: str, *, field: str) -> None:
        self._client = client
        self._name = name
        self._field = field

    def entries(self, key: str, as_of: datetime, *, only: bool) -> list[Entry]:
        """Return what was there as of a moment, and of keys that were not yet there, what came after it.

        Args:
            key: A prefix.
            as_of: The moment, in whole seconds.
            only: Only the one object that has just this key.

        Raises:
            UserFault: All that was there had been deleted, or versions may not be listed.
            ClientError: The server refuses.
        """
        await_moment(as_of)
        if not self._keeps_versions(key):
            found = self._pages("list_objects_v2", ("Contents",), key, only=only)
            return list(found)
        versions = self._pages("list_object_versions", ("Versions", "DeleteMarkers"), key, only=only)
        return self._as_of(versions, as_of)

    def _keeps_versions(self, key: str) -> bool:
        """Return whether the bucket keeps versions, or once did.

        Where that may not be asked, an object tells: its answer has a version id.
        """
        from botocore.exceptions import ClientError

        try:
            return "Status" in self._client.get_bucket_versioning(Bucket=self._name)
        except ClientError as error:
            if error.response["Error"].get("Code") in _NO_VERSIONS:
                return False
            if not is_forbidden(error):
                raise
        first = next(self._pages("list_objects_v2", ("Contents",), key, only=False), None)
        if first is None:
            return False
        return "VersionId" in self._client.head_object(Bucket=self._name, Key=first.key)

    def _pages(self, operation: str, kinds: tuple[str, ...], key: str, *, only: bool) -> Iterator[Entry]:
        for page in self._client.get_paginator(operation).paginate(Bucket=self._name, Prefix=key):
            entries = [_entry(item) for kind in kinds for item in page.get(kind, ())]
            yield from (entry for entry in entries if not only or entry.key == key)
            if only and any(entry.key != key for entry in entries):  # keys come in order: just this one is the first
                return

    def _as_of(self, versions: Iterable[Entry], as_of: datetime) -> list[Entry]:
        """Return each key's newest version by the moment; the oldest after it, where there is none.

        Raises:
            UserFault: All were deleted by then, or which of two came last is not known.
        """
        newest: dict[str, list[Entry]] = {}
        after: dict[str, Entry] = {}
        for entry in versions:
            if entry.modified_at > as_of:
                after[entry.key] = entry  # the newest come first
                continue
            rivals = newest.setdefault(entry.key, [entry])
            if entry.modified_at > rivals[0].modified_at:
                newest[entry.key] = [entry]
            elif entry.modified_at == rivals[0].modified_at and entry is not rivals[0]:
                rivals.append(entry)
        chosen = [self._last(rivals) for rivals in newest.values()]
        there = [entry for entry in chosen if entry.size is not None]
        later = [entry for key, entry in after.items() if key not in newest and entry.size is not None]
        if chosen and not there and not later:
            message = f"all {len(chosen)} objects had been deleted as of {as_of.isoformat()}"
            raise UserFault(message, field=self._field)
        return there + later

    def _last(self, rivals: list[Entry]) -> Entry:
        """Return which of the versions of one key and second came last: listings have the newest first.

        Deleted and written again in one second, that order is lost, since listings have the two kinds apart.
        """
        latest = next((entry for entry in rivals if entry.is_latest), None)
        if latest:
            return latest
        if len({entry.size is None for entry in rivals}) == 2:
            message = (
                f"{rivals[0].key} was written and deleted in the same second, {rivals[0].modified_at.isoformat()}, and "
                "the bucket does not tell in which order; name an as_of before or after it"
            )
            raise UserFault(message, field=self._field)
        return rivals[0]


def await_moment(as_of: datetime) -> None:
    """Wait until the second of a moment is over, if it is the one that is just passing."""
    left = (as_of + timedelta(seconds=1) - datetime.now(tz=UTC)).total_seconds()
    if 0 < left <= 1:
        time.sleep(left)


def _entry(item: dict[str, Any]) -> Entry:
    etag = item.get("ETag")
    return Entry(
        key=item["Key"],
        size=item.get("Size"),
        modified_at=item["LastModified"].replace(microsecond=0),
        etag=etag.strip('"') if etag else None,
        version=item.get("VersionId"),
        is_latest=item.get("IsLatest", True),
    )
