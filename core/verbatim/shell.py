"""What a shell in the state of a run is asked for, from what the run's stages have left. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.record import latest_results
from verbatim.spec import RunSpec
from verbatim.stage import PrepareOutputs, StageRequest
from verbatim.store import layout
from verbatim.system_packages import SystemPackages

if TYPE_CHECKING:
    from verbatim.stage import EngineName
    from verbatim.store import Store


def shell_request(store: Store, run_id: str, *, engine: EngineName, store_url: str, cache_dir: str) -> StageRequest:
    """Return the request of a train stage of the run, to open a shell with; it is not written down.

    Args:
        store: Where the run is.
        run_id: A run that was pinned; its stages may have failed.
        engine: Where the shell opens.
        store_url: The store as seen there.
        cache_dir: The cache as seen there.

    Raises:
        NotFound: The run was never pinned: its conf was wrong.
        ContractError: One of its documents cannot be read.
    """
    results = latest_results(store, run_id)
    return StageRequest(
        run_id=run_id,
        stage="train",
        try_number=1,
        spec=store.read(layout.spec(run_id), RunSpec),
        inputs={stage: results[stage] for stage in ("extract", "prepare", "validate") if stage in results},
        store_url=store_url,
        engine=engine,
        cache_dir=cache_dir,
    )


def system_packages_of(store: Store, request: StageRequest) -> tuple[str, ...]:
    """Return the packages that a run has besides its image's: as recorded, else as it asked for before it failed."""
    prepared = request.inputs.get("prepare")
    if prepared is None:
        return ()
    if isinstance(prepared.outputs, PrepareOutputs):
        return prepared.outputs.system_packages
    asked = layout.system_packages(request.run_id, "prepare", prepared.try_number)
    return store.read(asked, SystemPackages).names if store.exists(asked) else ()
