"""Open the live server, so that whoever wants can follow from the first step on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from verbatim.store import layout
from verbatim_runner.live.server import LiveServer
from verbatim_runner.live.subject import Subject

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training


def start_live_server(training: Training) -> None:
    """Start the live server; it is closed when the stage ends."""
    subject = Subject(training.recorder, training.log.path, training.status, training.stop)
    training.live = LiveServer(subject, training.token, in_container=training.context.request.engine == "docker")
    training.closing.callback(training.live.close)
    url = training.live.public_url
    training.context.console.say(f"live server at {url}")
    training.context.store.overwrite(layout.live(training.context.request.run_id), json.dumps({"url": url}).encode())
