"""Starts and ends the live server without holding up the training: only the socket is opened before it."""

from __future__ import annotations

import logging
import select
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verbatim_runner.live.subject import Subject

PORT = 8017
MAX_BODY_BYTES = 16 * 1024 * 1024
ASKED_EVERY_S = 0.2
END_WAIT_S = 2.0


class LiveServer:
    """Serves one training.

    Django is imported when the first request comes, which waits for it in the socket's backlog: a training that nobody
    asks about pays nothing.

    Args:
        subject: The training.
        token: What ``Authorization: Bearer …`` must hold.
        in_container: Listen on every address at ``PORT``; else on this machine alone, at a free port.
    """

    def __init__(self, subject: Subject, token: str, *, in_container: bool) -> None:
        self._subject = subject
        self._token = token
        self._socket = _listen("0.0.0.0", PORT) if in_container else _listen("127.0.0.1", 0)  # noqa: S104 - a container's own address; a token guards it
        self._ended = threading.Event()
        self._server: Any = None
        self._thread = threading.Thread(target=self._serve, name="live-server", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Its address for the command that it serves, which runs beside it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def public_url(self) -> str:
        """Its address for others: the container's, or the same as ``url``."""
        if self._socket.getsockname()[0] == "127.0.0.1":
            return self.url
        try:
            return f"http://{socket.gethostbyname(socket.gethostname())}:{self.port}"
        except OSError:  # a container without a network
            return self.url

    def close(self) -> None:
        """End it; requests under way are cut off. A server that is still starting ends by itself."""
        if self._server is None:
            self._ended.set()
            return
        with suppress(OSError):  # its thread was awake, and has ended it already
            self._server.trigger.pull_trigger(self._ended.set)  # in its own thread, which closes its sockets only after
        self._thread.join(END_WAIT_S)

    def _asked(self) -> bool:
        """Wait for the first request; return whether one came before the end."""
        while not self._ended.is_set():
            if select.select([self._socket], [], [], ASKED_EVERY_S)[0]:
                return True
        return False

    def _serve(self) -> None:
        with self._socket:
            if not self._asked():
                return
            from waitress import create_server, wasyncore

            from verbatim_runner.live.application import build_application

            logging.getLogger("waitress").setLevel(logging.CRITICAL)
            application = build_application(self._subject, self._token)
            connections: dict[int, Any] = {}
            self._server = create_server(
                application,
                map=connections,
                sockets=[self._socket],
                threads=2,
                max_request_body_size=MAX_BODY_BYTES,
                ident="verbatim",
                clear_untrusted_proxy_headers=True,
            )
            while not self._ended.is_set():
                wasyncore.loop(timeout=1, map=connections, count=1)
            self._server.task_dispatcher.shutdown(timeout=END_WAIT_S)
            wasyncore.close_all(connections, ignore_all=True)


def _listen(host: str, port: int) -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    server.listen(64)
    return server
