"""What an engine is: it starts one stage somewhere, passes on what it says, waits for its end, and can stop it.

An engine knows nothing of Airflow's tasks or of a run's bookkeeping; it turns a launch into an outcome.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from verbatim.spec import Image
    from verbatim.stage import EngineName, StageRequest, StageSecrets

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Launch:
    """One try of one stage, ready to start.

    Attributes:
        request: What the stage is asked; it holds no secret.
        secrets: Credentials, which reach the stage in a file alone.
        packages: Debian packages, as name or name=version, that a container has to have besides the image's.
    """

    request: StageRequest
    secrets: StageSecrets
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a stage's process ended.

    Attributes:
        exit_code: The process's; 128 and more stand for a signal.
        out_of_memory: In words, if the memory limit killed something of it.
    """

    exit_code: int
    out_of_memory: str | None = None


class Engine(ABC):
    """One place where stages run.

    Attributes:
        name: As it is recorded with the run.
        isolation: In words, for the task's log.
        store_url: The store as a stage sees it there.
        cache_dir: The cache of environments and packages as a stage sees it there.
    """

    name: ClassVar[EngineName]
    isolation: ClassVar[str]
    store_url: str
    cache_dir: str

    @abstractmethod
    def image(self) -> Image:
        """Return what the stages of a run that is pinned now will run in.

        Raises:
            PlatformFault: It is not there.
        """

    @abstractmethod
    def run(self, launch: Launch, on_line: OnLine) -> Outcome:
        """Start the stage, or follow the one that an earlier process of the same try started, until it ends.

        Args:
            launch: What to start.
            on_line: Called with every whole line of its output, without the line's end.

        Raises:
            UserFault: The conf asks for resources that the machine does not have, or apt.txt for what Debian has not.
            PlatformFault: It could not be started or followed.
        """

    @abstractmethod
    def stop(self) -> None:
        """Ask the running stage to end, and kill it when it does not; returns at once, safe in a signal handler."""
