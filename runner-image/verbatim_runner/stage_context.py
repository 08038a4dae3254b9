"""What every stage is given: its request, the store, its credentials, a place to work and a voice."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from verbatim.errors import ContractError, PlatformFault, VerbatimError
from verbatim.problems import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim.stage import DatabaseLogin, Login, Outputs, S3Credentials, StageName, StageRequest, StageSecrets
    from verbatim.store import Store
    from verbatim_runner.console import Console
    from verbatim_runner.isolation import Isolation

T = TypeVar("T")


class StageFailed(Exception):
    """A stage failed and has something to show for it: gates, expectations."""

    def __init__(self, cause: VerbatimError, outputs: Outputs) -> None:
        self.cause = cause
        self.outputs = outputs
        super().__init__(str(cause))


@dataclass(frozen=True)
class StageContext:
    """One try of one stage.

    Attributes:
        request: What is asked.
        store: Where documents and blobs lie.
        console: Where messages go.
        isolation: As whom the user's code and installs run.
        work_dir: An empty directory, gone after the stage.
        warnings: What the user should know although the stage goes on; becomes the result's.
        own_directories: Besides ``work_dir``, the ones that are this stage's alone and gone after it.
        closing: What is closed when the stage has ended, however it did.
    """

    request: StageRequest
    secrets: StageSecrets
    store: Store
    console: Console
    isolation: Isolation
    work_dir: Path
    warnings: list[str] = field(default_factory=list)
    own_directories: list[Path] = field(default_factory=list)
    closing: ExitStack = field(default_factory=ExitStack)

    @property
    def cache_dir(self) -> Path:
        """The host's cache of environments and packages."""
        return Path(self.request.cache_dir)

    def warn(self, text: str) -> None:
        """Say something that the user should know, and keep it in the result."""
        self.warnings.append(printable(text))
        self.console.say(f"warning: {text}")

    def credentials(self, connection: str) -> S3Credentials:
        """Return a connection's credentials.

        Raises:
            PlatformFault: The orchestrator did not hand them over.
        """
        return _handed_over(self.secrets.connections, connection)

    def login(self, connection: str) -> Login:
        """Return a connection's login.

        Raises:
            PlatformFault: The orchestrator did not hand it over.
        """
        return _handed_over(self.secrets.logins, connection)

    def database(self, connection: str) -> DatabaseLogin:
        """Return a connection's login to a database.

        Raises:
            PlatformFault: The orchestrator did not hand it over.
        """
        return _handed_over(self.secrets.databases, connection)

    def outputs_of(self, stage: StageName, kind: type[T]) -> T:
        """Return what an earlier stage made.

        Raises:
            ContractError: It made nothing of that kind.
        """
        result = self.request.inputs.get(stage)
        outputs: Outputs | None = result.outputs if result else None
        if not isinstance(outputs, kind):
            raise ContractError(f"the stage {self.request.stage} needs what {stage} makes, and that is not there")
        return outputs


def _handed_over(secrets: Mapping[str, T], connection: str) -> T:
    try:
        return secrets[connection]
    except KeyError:
        raise PlatformFault(f"the connection {connection!r} was not handed to the stage") from None
