"""Which engine a run uses: decided once, when it is pinned, and said with the reason. Its stages then keep to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault
from verbatim_operators.engines.daemon import connect
from verbatim_operators.engines.docker import DockerEngine
from verbatim_operators.engines.process import ProcessEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim.settings import PlatformSettings
    from verbatim.spec import Image
    from verbatim_operators.engines.base import Engine
    from verbatim_operators.engines.daemon import Client


@dataclass(frozen=True)
class Choice:
    """An engine that can run stages now.

    Attributes:
        engine: The engine.
        image: What its stages run in.
        reason: Why this one, in words.
    """

    engine: Engine
    image: Image
    reason: str


def choose_engine(settings: PlatformSettings, connect: Callable[[], Client] = connect) -> Choice:
    """Pick the engine that the settings name; with ``auto``, docker where it can run the image, else process.

    Args:
        settings: The platform's settings.
        connect: Connects to the daemon; to that of this machine's environment if not given.

    Raises:
        PlatformFault: The engine that the settings name cannot run anything here.
    """
    if settings.engine == "process":
        return _process(settings, "the platform's settings ask for it")
    try:
        engine = DockerEngine(settings, connect)
        image = engine.image()
    except PlatformFault as fault:
        if settings.engine == "docker":
            raise
        return _process(settings, f"containers are not to be had: {fault.message}")
    return Choice(engine, image, f"a Docker daemon answers and has {image.reference}")


def _process(settings: PlatformSettings, reason: str) -> Choice:
    engine = ProcessEngine(settings)
    return Choice(engine, engine.image(), reason)
