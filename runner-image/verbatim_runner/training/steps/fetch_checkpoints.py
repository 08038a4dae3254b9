"""Lay out the checkpoints that the training starts from."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from verbatim.checkpoints import checkpoints_of
from verbatim_runner.checkpoints.directory import state_of
from verbatim_runner.training.outputs import PARALLEL_FILES

if TYPE_CHECKING:
    from verbatim.documents import FileRef
    from verbatim_runner.training.state import Training


def fetch_checkpoints(training: Training) -> None:
    """Lay out what an earlier try of this run left; else what the run left that the conf says to resume from."""
    context, directory = training.context, training.places.checkpoints
    files = _files(training)
    if not files:
        return
    with ThreadPoolExecutor(PARALLEL_FILES) as pool:
        for placed in [pool.submit(context.store.fetch_blob, ref.sha256, directory / ref.path) for ref in files]:
            placed.result()
    first = min((directory / ref.path).stat().st_mtime_ns for ref in files) - len(files)
    for place, ref in enumerate(files):  # many trainings take the file that was written last
        os.utime(directory / ref.path, ns=(first + place, first + place))
    context.isolation.give_to_trainer(directory.resolve())
    training.kept = {ref.path: (state_of((directory / ref.path).stat()), ref) for ref in files}
    context.console.say(
        f"checkpoints: {len(files)} files, {sum(ref.size for ref in files)} bytes, of {training.resumed_from}"
    )


def _files(training: Training) -> tuple[FileRef, ...]:
    request = training.context.request
    earlier = checkpoints_of(request.run_id, training.context.store)
    if earlier:
        training.resumed_from = f"try {earlier.try_number}"
        return earlier.files
    pinned = request.spec.resume_from
    if pinned is None:
        return ()
    training.resumed_from = pinned.run_id
    return pinned.files
