"""The process engine: the same zipapp in a subprocess of the worker, where there are no containers; isolates less."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault
from verbatim.launch import launch_stage
from verbatim.spec import Image
from verbatim_operators.engines.base import Engine, Launch, OnLine, Outcome

if TYPE_CHECKING:
    from verbatim.settings import PlatformSettings


class ProcessEngine(Engine):
    """Runs stages as subprocesses of the worker, as the worker's own user.

    Args:
        settings: Where the zipapp, the store and the cache are.
    """

    name = "process"
    isolation = "a plain process of the worker's own user: no container, no limits on memory and cpu"

    def __init__(self, settings: PlatformSettings) -> None:
        self._zipapp = Path(settings.runner).resolve()
        self._wheels = settings.wheels
        self._stop = threading.Event()
        self.store_url = settings.store_url
        self.cache_dir = settings.cache_dir

    def image(self) -> Image:
        """Return the zipapp by its content."""
        try:
            return Image(reference=self._zipapp.name, digest=f"sha256:{self._digest()}")
        except FileNotFoundError:
            raise PlatformFault(f"the runner {self._zipapp} is not there; `make zipapp` builds it") from None

    def _digest(self) -> str:
        """Return the zipapp's SHA-256, which is kept: the zipapp is large, and changes only when it is built again."""
        state = self._zipapp.stat()
        known = Path(self.cache_dir) / f"runner-{state.st_size}-{state.st_mtime_ns}.sha256"
        if known.exists():
            return known.read_text()
        with self._zipapp.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        known.parent.mkdir(parents=True, exist_ok=True)
        part = known.with_name(f"{known.name}.{os.getpid()}")
        part.write_text(digest)
        part.replace(known)
        return digest

    def run(self, launch: Launch, on_line: OnLine) -> Outcome:
        """Run the stage in a subprocess until it ends."""
        code = launch_stage(
            launch.request, launch.secrets, zipapp=self._zipapp, wheels=self._wheels, on_line=on_line, stop=self._stop
        )
        return Outcome(exit_code=code)

    def stop(self) -> None:
        """Ask the subprocess and its children to end; they are killed after a grace time."""
        self._stop.set()
