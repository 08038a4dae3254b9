"""Lets the requests that write to Airflow's API server take turns, where its database is SQLite.

Airflow's audit log commits on the event loop itself. While it waits there for SQLite's one write lock, no other
request can end; and if one of those holds the lock, both wait until the busy timeout is over ("database is locked").
Taking turns costs nothing, since SQLite lets only one write anyway. Knows nothing of Airflow: it is plain ASGI.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

READING = frozenset({"GET", "HEAD", "OPTIONS"})


class WriteTurns:
    """ASGI middleware: at most one request that may write is inside at any time; those that read pass freely.

    Args:
        app: What it is put around.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Pass a request on, in its turn."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        async with self._turn:
            await self._app(scope, receive, send)
