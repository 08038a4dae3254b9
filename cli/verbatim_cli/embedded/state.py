"""What the supervisor says of itself in ``platform.json``: written by it alone, read by everyone else."""

from __future__ import annotations

from typing import Literal

from verbatim.documents import Document, Moment
from verbatim.errors import ContractError
from verbatim_cli.embedded.home import Home, write_private
from verbatim_cli.embedded.processes import is_alive

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


class ComponentState(Document):
    """One component."""

    state: Literal["up", "down"]
    pid: int | None
    restarts: int
    since: Moment
    last_exit: int | None = None


class PlatformState(Document):
    """The supervisor and its components."""

    pid: int
    created: float
    url: str
    port: int
    started_at: Moment
    components: dict[str, ComponentState]


def write_state(home: Home, state: PlatformState) -> None:
    """Replace the state file."""
    write_private(home.state_file, state.model_dump_json(indent=2) + "\n")


def running_platform(home: Home) -> PlatformState | None:
    """Return the state of a supervisor that is alive; None if there is none, also when one died and left its file."""
    try:
        state = PlatformState.parse(home.state_file.read_bytes(), source=str(home.state_file))
    except (FileNotFoundError, ContractError):
        return None
    return state if is_alive(state.pid, state.created) else None
