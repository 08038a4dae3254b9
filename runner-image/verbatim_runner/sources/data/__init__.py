"""Data sources: one module each. ``open_source`` is the list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.channels import FileSource, HiveSource, S3Source, SqlSource

if TYPE_CHECKING:
    from verbatim.spec import PinnedChannel
    from verbatim_runner.sources.data.interface import DataSource
    from verbatim_runner.stage_context import StageContext


def open_source(context: StageContext, channel: str, pinned: PinnedChannel) -> DataSource:
    """Open what a channel is read from.

    Args:
        context: The stage's; it holds the credentials.
        channel: The channel's name, for messages.
        pinned: Its source, and the moment as of which it is read.
    """
    source = pinned.source
    if isinstance(source, FileSource):
        from verbatim_runner.sources.data.files import FileData

        return FileData(source, pinned.as_of, field=f"data.{channel}.file.uri")
    if isinstance(source, S3Source):
        from verbatim_runner.sources.data.s3.source import S3Data

        return S3Data(source, pinned.as_of, context.credentials(source.connection), field=f"data.{channel}.s3.uri")
    if isinstance(source, SqlSource):
        from verbatim_runner.sources.data.sql.source import SqlData

        assert pinned.query is not None  # pinning binds one
        login = context.database(source.connection)
        return SqlData(source, pinned.query, login, pinned.database_file, channel=channel)
    if isinstance(source, HiveSource):
        from verbatim_runner.sources.data.hive.source import HiveData

        return HiveData(context, channel, pinned)
    raise AssertionError(source)
