"""How a failure reaches a person and Airflow: the message first in the log, and a retry only where one can help."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from verbatim.errors import Stopped, VerbatimError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk.types import Logger

_SHORT_CHARS = 500


@contextmanager
def failures_told(log: Logger) -> Iterator[None]:
    """Say an error of ours in plain words, and leave Airflow the exception that makes it do the right thing.

    Final errors become ``AirflowFailException`` (no retry); the platform's faults pass as they are (retried). Both can
    be pickled, as executors send them between processes.
    """
    try:
        yield
    except VerbatimError as error:
        log.error("%s", error)  # noqa: TRY400 - the message is for the person who wrote the conf; a traceback would bury it
        if not error.exit_code.is_final:
            raise
        if not isinstance(error, Stopped):
            log.error("Not retried: it would fail again in the same way.")  # noqa: TRY400
        raise AirflowFailException(_shortened(str(error))) from None


def _shortened(text: str) -> str:
    return text if len(text) <= _SHORT_CHARS else text[: _SHORT_CHARS - 2] + " …"
