"""Waits, in Airflow, until what a run needs is there: a look on the worker, and then the triggerer's turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verbatim.data.templates import values_of
from verbatim.data.waiting import described, fill_waits
from verbatim.documents import now
from verbatim.errors import UserFault
from verbatim.quantities import parse_duration
from verbatim.request import parse_request
from verbatim_operators.presence import is_there

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from airflow.sdk.types import Logger

    from verbatim.channels import WaitRequest
    from verbatim.settings import PlatformSettings

    Defer = Callable[[WaitRequest, datetime, int], None]
    """Gives the task up until something is there; never returns."""


@dataclass(frozen=True)
class Answer:
    """What the triggerer found.

    Attributes:
        place: Which of the waits it was about.
        event: As ``PresenceTrigger`` gives it.
    """

    place: int
    event: Mapping[str, Any]


@dataclass(frozen=True)
class Awaiting:
    """One try of waiting.

    Attributes:
        settings: Which connections a conf may name.
        interval: The schedule's; None for a run without one.
        answer: What the triggerer found, if it was asked.
        defer: Asks it.
        log: The task's.
    """

    settings: PlatformSettings
    interval: tuple[datetime, datetime] | None
    answer: Answer | None
    defer: Defer
    log: Logger

    def until_there(self, conf: Mapping[str, Any], moment: datetime) -> datetime:
        """Wait for everything that a conf waits for, one after the other.

        Args:
            conf: What the user wrote.
            moment: The run's own time.

        Returns:
            The run's time from now on: when waiting ended, since the data came after the run was asked for; the same
            as before where it waits for nothing.

        Raises:
            RequestError: The conf is wrong; nothing was awaited.
            UserFault: Something did not come in time, or may not be looked for.
            PlatformFault: A connection is not there, or its server does not answer.
        """
        if not conf.get("wait_for"):
            return moment
        request = parse_request(conf)
        waits = fill_waits(request, self.settings, values_of(request, moment=moment, interval=self.interval))
        self._judge(waits)
        first = self.answer.place + 1 if self.answer else 0
        for place, wait in enumerate(waits[first:], first):
            if not self._is_there(wait, place):
                self.log.info(
                    "waiting for %s, at most %s, and looking every %s", described(wait), wait.timeout, wait.every
                )
                self.defer(wait, now() + parse_duration(wait.timeout), place)
            self.log.info("%s is there", described(wait))
        ended = now()
        if self.answer and request.as_of and request.as_of < ended:
            self.log.warning("as_of is %s: what came since then, while the run waited, is no part of it", request.as_of)
        return ended

    @staticmethod
    def _is_there(wait: WaitRequest, place: int) -> bool:
        try:
            return is_there(wait)
        except UserFault as error:
            raise UserFault(error.message, field=f"wait_for.{place}") from None

    def _judge(self, waits: tuple[WaitRequest, ...]) -> None:
        """Raise what the triggerer's answer says, unless it found what was waited for."""
        if self.answer is None:
            return
        place, event = self.answer.place, self.answer.event
        wait, field = waits[place], f"wait_for.{place}"
        if event["state"] == "there":
            self.log.info("%s is there", described(wait))
        elif event["state"] == "refused":
            raise UserFault(str(event["said"]), field=field)
        else:
            last = f" The last look failed: {event['said']}" if event.get("said") else ""
            message = f"{described(wait)} was not there within {wait.timeout} (wait_for.{place}.timeout).{last}"
            raise UserFault(message, field=field)
