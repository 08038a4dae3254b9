"""Verbatim's own code: ``ours.py ENDPOINT down|up FROM TO``, with a prefix and a directory."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from verbatim.channels import S3Source
from verbatim.documents import now
from verbatim.spec import PinnedChannel
from verbatim.stage import S3Credentials
from verbatim.store import Store

PARALLEL = 16
PINNED_BEFORE = timedelta(seconds=2)
"""A run's moment is pinned before its extract stage starts, which else waits for the moment's second to be over."""


def main() -> None:
    endpoint, way, source, target = sys.argv[1:]
    credentials = S3Credentials(
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"], secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        endpoint_url=endpoint,
    )  # fmt: skip
    if way == "down":
        download(source, Path(target), credentials)
    else:
        upload(Path(source), Store(target, credentials))


def download(uri: str, directory: Path, credentials: S3Credentials) -> None:
    """Take a snapshot's files, as the extract stage does."""
    from types import SimpleNamespace

    from verbatim_runner.console import Console
    from verbatim_runner.sources.data.s3.source import S3Data
    from verbatim_runner.sources.snapshots.sink import StoreSink

    context = SimpleNamespace(work_dir=directory / "work", store=Store(f"file://{directory}/store"), console=Console())
    channel = PinnedChannel(source=S3Source(uri=uri, connection="lake"), as_of=now() - PINNED_BEFORE)
    source = S3Data(channel.source, channel.as_of, credentials, field="data.lake.s3.uri")
    with StoreSink(context, "lake", source, None) as sink:
        source.fetch(source.state(), sink)


def upload(directory: Path, store: Store) -> None:
    """Store files as blobs."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        for stored in [pool.submit(store.put_file, path) for path in directory.iterdir()]:
            stored.result()


if __name__ == "__main__":
    main()
