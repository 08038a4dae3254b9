"""The process engine: the same zipapp in a subprocess of the worker, where there are no containers; isolates less."""

from __future__ import annotations

import hashlib
import threading
from functools import lru_cache
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
        self._stop = threading.Event()
        self.store_url = settings.store_url
        self.cache_dir = settings.cache_dir

    def image(self) -> Image:
        """Return the zipapp by its content."""
        try:
            state = self._zipapp.stat()
        except OSError:
            raise PlatformFault(f"the runner {self._zipapp} is not there; `make zipapp` builds it") from None
        return Image(reference=self._zipapp.name, digest=_digest(self._zipapp, state.st_mtime_ns, state.st_size))

    def run(self, launch: Launch, on_line: OnLine) -> Outcome:
        """Run the stage in a subprocess until it ends."""
        code = launch_stage(launch.request, launch.secrets, zipapp=self._zipapp, on_line=on_line, stop=self._stop)
        return Outcome(exit_code=code)

    def stop(self) -> None:
        """Ask the subprocess and its children to end; they are killed after a grace time."""
        self._stop.set()


@lru_cache(maxsize=4)
def _digest(zipapp: Path, _modified_ns: int, _size: int) -> str:
    with zipapp.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
