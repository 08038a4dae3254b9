"""Lets a web server of a test answer while the test goes on."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socketserver import BaseServer

POLL_S = 0.01
"""How often a server looks whether it shall end, which whoever ends it waits for."""


@contextmanager
def answering(server: BaseServer) -> Iterator[None]:
    """Answer in a thread until the block ends."""
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
