"""Reads a result's rows: one thread keeps the server at work, while what came is made into tables and written.

At every time two requests are with the server: while an answer travels, the next is in the making. How many rows one
asks for follows from how wide they are, so that memory does not depend on the result's size.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from thrift.Thrift import TException

from verbatim.errors import PlatformFault
from verbatim_runner.console import PROGRESS_INTERVAL_S
from verbatim_runner.sources.data.hive.wire import FetchResponse, read_fetch_response, write_fetch_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim_runner.sources.data.hive.session import HiveSession

FIRST_ROWS, MAX_ROWS, CAREFUL_ROWS = 1, 10_000, 100
"""A first row may have a hundred megabytes; so may, in what had thin rows, all of the next ten thousand."""
ANSWER_BYTES = 8 << 20
"""What an answer aims at, as it lies in memory."""
IN_FLIGHT = 2
WAITING = 2
END_S = 10.0


def read_rows(session: HiveSession, operation: Any, most_rows: int = MAX_ROWS) -> Iterator[FetchResponse]:
    """Yield a result's rows, answer by answer, in the server's order, until the server has no more.

    Args:
        session: Open.
        operation: Its statement's, which has run.
        most_rows: What the server is asked for at a time.

    Raises:
        ConnectionLost: The connection broke.
        PlatformFault: The server failed, or what it sent cannot be read.
    """
    reader = _Reader(session, operation, most_rows)
    try:
        yield from reader.answers()
    except BaseException:
        session.abandon()
        raise
    finally:
        reader.end()


class _Reader(threading.Thread):
    """Asks and reads; ends after the answer of no rows, or with the connection."""

    def __init__(self, session: HiveSession, operation: Any, most_rows: int) -> None:
        super().__init__(name="hive-rows", daemon=True)
        self._session = session
        self._operation = operation
        self._came: queue.Queue[FetchResponse | Exception] = queue.Queue(WAITING)
        self._ended = threading.Event()
        self._rows = FIRST_ROWS
        self._most_rows = most_rows
        self.start()

    def answers(self) -> Iterator[FetchResponse]:
        """Yield every answer that has rows."""
        expected = None
        while True:
            answer = self._next()
            if isinstance(answer, Exception):
                raise answer
            if not answer.rows:
                return
            if expected is not None and answer.start_row not in (expected, 0):
                message = f"{self._session.name}: rows {expected} to {answer.start_row} did not come"
                raise PlatformFault(message)
            expected = answer.start_row + answer.rows
            yield answer

    def _next(self) -> FetchResponse | Exception:
        started = time.monotonic()
        while True:
            try:
                return self._came.get(timeout=PROGRESS_INTERVAL_S)
            except queue.Empty:
                self._session.say(f"the server prepares rows for {time.monotonic() - started:.0f} s")

    def end(self) -> None:
        """Wait until the connection is free, or closed."""
        self._ended.set()
        self.join(END_S)
        if self.is_alive():
            self._session.abandon()

    def run(self) -> None:
        try:
            self._read()
        except (TException, OSError, EOFError, AttributeError, ValueError) as error:
            self._put(self._session.lost(error))
        except Exception as error:  # noqa: BLE001  (it is raised where the rows are awaited)
            self._put(error)

    def _read(self) -> None:
        asked = answered = 0
        at_end = False
        while not at_end or answered < asked:
            while not at_end and asked - answered < IN_FLIGHT:
                self._ask(asked)
                asked += 1
            answer = read_fetch_response(self._read_exact)
            if answer.status_code not in (0, 1):
                raise self._session.fault(answer.error_message, answer.sql_state)
            answered += 1
            if not at_end:
                self._put(answer)
                self._fit(answer)
            at_end = at_end or not answer.rows or self._ended.is_set()

    def _ask(self, number: int) -> None:
        message = write_fetch_request(self._operation, self._rows, number)
        self._session.transport.write(message)
        self._session.transport.flush()

    def _read_exact(self, size: int) -> bytes:
        data: bytes = self._session.transport.readAll(size)
        return data

    def _fit(self, answer: FetchResponse) -> None:
        size = sum(column.values.nbytes for column in answer.columns)
        fitting = answer.rows * ANSWER_BYTES // max(size, 1)
        self._rows = max(1, min(self._most_rows, 4 * self._rows, fitting))

    def _put(self, answer: FetchResponse | Exception) -> None:
        while not self._ended.is_set():
            try:
                self._came.put(answer, timeout=0.1)
            except queue.Full:
                continue
            return
