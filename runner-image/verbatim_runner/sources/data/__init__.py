"""Data sources: one module each. ``open_source`` is the list of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.request import FileSource, S3Source

if TYPE_CHECKING:
    from verbatim_runner.sources.data.interface import DataSource
    from verbatim_runner.stage_context import StageContext


def open_source(context: StageContext, channel: str, source: FileSource | S3Source) -> DataSource:
    """Open what a channel is read from.

    Args:
        context: The stage's; it holds the credentials.
        channel: The channel's name, for messages.
        source: What the conf names.
    """
    if isinstance(source, S3Source):
        from verbatim_runner.sources.data.s3 import S3Data

        return S3Data(source, context.credentials(source.connection), field=f"data.{channel}.s3.uri")
    from verbatim_runner.sources.data.files import FileData

    return FileData(source, field=f"data.{channel}.file.uri")
