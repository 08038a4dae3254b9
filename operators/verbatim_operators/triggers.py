"""What the triggerer does for runs: looks every while whether what a run waits for is there, and holds no worker slot.

What a trigger is made of lies in Airflow's database: names of connections, never what they hold.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from verbatim.channels import WaitRequest
from verbatim.documents import now
from verbatim.errors import PlatformFault, UserFault
from verbatim.quantities import parse_duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class PresenceTrigger(BaseTrigger):
    """Fires when something is there, or will not be any more.

    A server that does not answer for a while is asked again: waiting takes hours, and the first look, which a worker
    takes, has shown that connection and place are right.

    Args:
        wait: A ``WaitRequest`` with nothing left to fill in, as JSON.
        deadline: When waiting ends, in ISO 8601.
    """

    def __init__(self, wait: dict[str, Any], deadline: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wait = wait
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what this is made of."""
        return "verbatim_operators.triggers.PresenceTrigger", {"wait": self.wait, "deadline": self.deadline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is there or the deadline has passed.

        Yields:
            Once: ``state`` is ``there``, ``missing`` or ``refused``; ``said`` is what a server said last.
        """
        from verbatim_operators.presence import is_there  # noqa: PLC0415 - clients take time to load

        wait, deadline = WaitRequest.model_validate(self.wait), datetime.fromisoformat(self.deadline)
        every_s, said = parse_duration(wait.every).total_seconds(), None
        while True:
            try:
                if await asyncio.to_thread(is_there, wait):
                    yield _event("there")
                    return
                said = None
            except UserFault as error:
                yield _event("refused", error.message)
                return
            except PlatformFault as error:
                said = error.message
                self.log.warning("%s; tried again in %s", said, wait.every)
            left_s = (deadline - now()).total_seconds()
            if left_s <= 0:
                yield _event("missing", said)
                return
            await asyncio.sleep(min(every_s, left_s))


def _event(state: str, said: str | None = None) -> TriggerEvent:
    return TriggerEvent({"state": state, "said": said})  # type: ignore[no-untyped-call]
