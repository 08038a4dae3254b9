"""Values that somebody puts into a conf to see what breaks, and confs with one of them at each place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "a\udcffb", "-", "..", "/", "//", "~", "a\nb", "x" * 5000, "/" + "x" * 300,
    "file://", "file:///", "file:///%00", "file:///a%00b", "file:///%ff", "file:///../x", "file:///%2e%2e/x",
    "file://host/x", "file:///a?b", "file:///a#b", "file:///" + "x" * 300, "https://[", "https://[::1", "ssh://",
    "ext::sh -c id", "s3://", "s3://[/x", "s3:///x", "9" * 400, "9" * 400 + "g", "9" * 400 + "d", "9999999d",
    "1000000000000d", "0.0000000001k", "1e5d", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1e400",
    "9" * 5000, "(a{99999999999999})", "(" * 3000 + ")" * 3000, "(?P<a", "((a)(?(9)b))",
)  # fmt: skip


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def circle() -> list[Any]:
    own: list[Any] = []
    own.append(own)
    return own


VALUES: tuple[Any, ...] = (
    True, -1, 0, 2**64, 10**400, 10**5000, 1e308, float("nan"), float("inf"), [], {}, [None], [["x"]], ["\ud800"], ["\0"],
    {"\ud800": 1}, {"\0": {}}, {"": ""}, {1: 2}, {(1, 2): 3}, nested(60), nested(300), nested(50_000), circle(), b"x",
    b"\xff", object(), datetime(1, 1, 1, tzinfo=UTC), {"url": "x", "ref": "\ud800"},
)  # fmt: skip


def replaced(conf: Any, values: tuple[Any, ...]) -> Iterator[Any]:
    """Give the conf once for each place in it, at any depth, and each value: with the value at the place."""
    places = conf.items() if isinstance(conf, Mapping) else enumerate(conf) if isinstance(conf, list) else ()
    for place, inner in places:
        for value in (*values, *replaced(inner, values)) if values else ():
            changed = conf.copy()
            changed[place] = value
            yield changed
