"""The kinds of text that more than one part of the conf has, each with its check and its words."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from verbatim.documents import Pattern
from verbatim.paths import SCHEME, local_path

NAME = "lower-case letters, digits, - and _, beginning with a letter or digit, at most 63 characters"
Name = Annotated[str, Pattern(r"^[a-z0-9][a-z0-9_-]{0,62}$", NAME), Field(description=NAME)]


def _plain(uri: str) -> str:
    """Refuse an S3 URI that clients read in different ways: one joins its segments where another drops them."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    segments = key.removesuffix("/").split("/") if key else []
    if uri.startswith("s3://") and ({"", ".", ".."} & set(segments) or set("?#@[]") & set(bucket)):
        raise ValueError("a URI such as s3://bucket/prefix/, without empty segments, '.' and '..'")
    return uri


S3Uri = Annotated[str, Pattern(r"^s3://[^/]+/.*$", "a URI such as s3://bucket/prefix/"), AfterValidator(_plain)]


def _local(uri: str) -> str:
    if uri.startswith(SCHEME):
        local_path(uri)
    return uri


FileUri = Annotated[str, Pattern(r"^file:///.+$", "an absolute URI such as file:///data/lake/"), AfterValidator(_local)]
Destination = Annotated[
    str,
    Pattern(r"^(s3://[^/?#]+/[^?#]*|file:///.+)$", "a URI such as s3://bucket/prefix/ or file:///srv/models/"),
    AfterValidator(_local),
    AfterValidator(_plain),
]
Scalar = str | int | float | bool | None
Parameter = Scalar | list[Any] | dict[str, Any]


def _relative(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError("a relative path without '..'")
    return str(parts)


RelativePath = Annotated[str, AfterValidator(_relative)]
