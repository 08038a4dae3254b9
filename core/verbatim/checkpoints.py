"""Checkpoints: what a training has left of them so far, and pinning them for another run to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from verbatim.documents import Document, FileRef, Moment
from verbatim.errors import NotFound, RequestError
from verbatim.ids import RUN_ID
from verbatim.problems import Problem
from verbatim.spec import PinnedCheckpoints
from verbatim.store import layout

if TYPE_CHECKING:
    from verbatim.store import Store

FIELD = "resume_from"


class Checkpoints(Document):
    """The list of a run's checkpoints, rewritten while its training goes on; every blob was in the store before."""

    schema_version: Literal[1] = 1
    try_number: int
    files: tuple[FileRef, ...]
    """Below the checkpoint directory; the one that was written first comes first."""
    updated_at: Moment


def checkpoints_of(run_id: str, store: Store) -> Checkpoints | None:
    """Return a run's checkpoints so far, or None where it has left none.

    Raises:
        ContractError: Their list cannot be read.
    """
    try:
        found = store.read(layout.checkpoints(run_id), Checkpoints)
    except NotFound:
        return None
    return found if found.files else None


def pin_checkpoints(run_id: str, store: Store) -> PinnedCheckpoints:
    """Return the checkpoints that a run has left by now, for another run to start from.

    Raises:
        RequestError: There is no such run, or it has left none.
        ContractError: Their list cannot be read.
    """
    if not RUN_ID.match(run_id) or not store.exists(layout.spec(run_id)):
        hint = "`verbatim runs` lists them."
        raise RequestError([Problem(field=FIELD, expected="the id of a run", got=repr(run_id), hint=hint)])
    found = checkpoints_of(run_id, store)
    if found is None:
        expected = "a run that has left checkpoints in $VERBATIM_CHECKPOINT_DIR"
        raise RequestError([Problem(field=FIELD, expected=expected, got=f"{run_id}, which has left none")])
    return PinnedCheckpoints(run_id=run_id, files=found.files)
