"""Stores checkpoints while a training runs: the program of a process of its own, beside the train stage's.

It is a process so that a large upload holds up neither metrics nor the end of the training, and since a uid belongs to
a whole process: files of the training are opened as root, the store is written as its owner. It is given its task as
one JSON line, answers in JSON lines, and ends when its input does.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from verbatim.beneath import open_beneath
from verbatim.checkpoints import Checkpoints
from verbatim.documents import FileRef, now
from verbatim.errors import PlatformFault
from verbatim.stage import S3Credentials
from verbatim.store import Store, layout
from verbatim_runner.checkpoints.directory import DIRECTORY, in_order, look, state_of
from verbatim_runner.isolation import Isolation

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim_runner.checkpoints.directory import Kept, State

PATIENCE_S = 60.0
PR_SET_PDEATHSIG = 1
"""Of ``prctl``, see linux/prctl.h."""


class Keeper:
    """Stores the files of a checkpoint directory that are finished, and lists them.

    A file is finished when two looks find it the same. A directory is first listed when all that is in it is stored, so
    that nobody starts from half a checkpoint; or after ``PATIENCE_S``, since a log in it may grow for ever.

    Args:
        store: Where.
        isolation: As whom files are opened.
        work: The stage's work directory.
        run_id: The run.
        try_number: The try of the train stage.
        kept: What the directory began with, from an earlier try or another run.
        check: Called while a file is on its way; raises to give it up.
    """

    def __init__(
        self, store: Store, isolation: Isolation, work: Path, *, run_id: str, try_number: int, kept: Kept,
        check: Callable[[int], None] = lambda _bytes: None,
    ) -> None:  # fmt: skip
        self._store = store
        self._isolation = isolation
        self._work = work
        self._run_id = run_id
        self._try_number = try_number
        self._kept = kept
        self._check = check
        self._before: dict[str, State] = {}
        self._first_seen: dict[str, float] = {}
        self._listed = in_order(kept)
        self._begun = {_folder(path) for path in kept}

    def round(self) -> Kept:
        """Look once, store what is finished and was not stored before, and list it; return what was stored.

        Raises:
            PlatformFault: The store does not answer.
        """
        with self._isolation.as_root():
            there = look(self._work)
        finished = [path for path, state in there.items() if self._before.get(path) == state]
        self._before = there
        self._kept = {path: kept for path, kept in self._kept.items() if path in there}
        stored: Kept = {}
        for path in sorted(finished, key=lambda path: there[path][2]):
            if self._state_kept(path) != there[path] and (ref := self._put(path, there[path])):
                stored[path] = self._kept[path] = (there[path], ref)
        self._list(there)
        return stored

    def _put(self, path: str, state: State) -> FileRef | None:
        """Store a file; None where it is another one meanwhile."""
        with self._isolation.as_root():
            content = open_beneath(self._work, f"{DIRECTORY}/{path}")
        if content is None:
            return None
        with content:
            try:
                ref = self._store.put_open(content, path, self._check)
            except PlatformFault:
                if state_of(os.fstat(content.fileno())) == state:
                    raise
                return None
            return ref if state_of(os.fstat(content.fileno())) == state else None

    def _list(self, there: dict[str, State]) -> None:
        """Publish the list, if it is another one than before."""
        waiting = {_folder(path) for path, state in there.items() if self._state_kept(path) != state}
        for folder in {_folder(path) for path in there} - self._begun:
            since = self._first_seen.setdefault(folder, time.monotonic())
            if folder == "." or folder not in waiting or time.monotonic() - since > PATIENCE_S:
                self._begun.add(folder)
        listed = in_order({path: kept for path, kept in self._kept.items() if _folder(path) in self._begun})
        if listed != self._listed:
            document = Checkpoints(try_number=self._try_number, files=listed, updated_at=now())
            self._store.overwrite(layout.checkpoints(self._run_id), document.canonical())
            self._listed = listed

    def _state_kept(self, path: str) -> State | None:
        return self._kept[path][0] if path in self._kept else None


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def to_json(kept: Kept) -> dict[str, Any]:
    """Return what was kept as JSON can hold it."""
    return {path: [list(state), ref.model_dump()] for path, (state, ref) in kept.items()}


def from_json(kept: dict[str, Any]) -> Kept:
    """Return what ``to_json`` was given."""
    return {path: ((state[0], state[1], state[2]), FileRef(**ref)) for path, (state, ref) in kept.items()}


def main() -> None:
    """Work until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the stage ends this process, not whoever ends the stage
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    task = json.loads(sys.stdin.buffer.readline())
    keeper = Keeper(
        Store(task["store_url"], S3Credentials(**task["credentials"]) if task["credentials"] else None),
        Isolation(switches=task["switches"]),
        Path(task["work"]),
        run_id=task["run_id"],
        try_number=task["try_number"],
        kept=from_json(task["kept"]),
        check=_leave_at_end,
    )
    failed = False
    while not _is_at_end(task["interval_s"]):
        answer: dict[str, Any] = {}
        try:
            answer["kept"] = to_json(keeper.round())
            failed = False
        except PlatformFault as fault:
            if not failed:
                answer["fault"] = fault.message
            failed = True
        if any(answer.values()):
            print(json.dumps(answer), flush=True)


def _is_at_end(timeout_s: float) -> bool:
    """Return whether the input ended; the stage writes nothing more to it."""
    return bool(select.select([sys.stdin], [], [], timeout_s)[0])


def _leave_at_end(_bytes: int) -> None:
    if _is_at_end(0):
        raise SystemExit
