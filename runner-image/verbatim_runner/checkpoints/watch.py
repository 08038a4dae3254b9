"""The stage's side of keeping checkpoints: starts the keeper when there is something to keep, and sweeps at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from verbatim.checkpoints import Checkpoints
from verbatim.documents import now
from verbatim.errors import VerbatimError
from verbatim.problems import printable
from verbatim.store import layout
from verbatim_runner.checkpoints.directory import in_order, is_empty, state_of
from verbatim_runner.checkpoints.keeper import from_json, to_json
from verbatim_runner.training.outputs import files_below, store_files, take_back

if TYPE_CHECKING:
    from verbatim.documents import FileRef
    from verbatim_runner.checkpoints.directory import Kept
    from verbatim_runner.stage_context import StageContext
    from verbatim_runner.training.places import Places

INTERVAL_S = 2.0
END_S = 2.0
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from verbatim_runner.checkpoints.keeper import main; main()"
)


class CheckpointWatch:
    """Keeps what a training leaves in its checkpoint directory, from its first file to its end.

    Args:
        context: The stage's.
        places: Where the checkpoint directory is.
        kept: What lies in it from the start.
    """

    def __init__(self, context: StageContext, places: Places, kept: Kept) -> None:
        self._context = context
        self._places = places
        self._kept = dict(kept)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._answers = b""
        self._looked_at = 0.0
        self._finished = False

    def tick(self) -> None:
        """Start the keeper when the first file is there, and pass on what it says."""
        if time.monotonic() - self._looked_at < INTERVAL_S:
            return
        self._looked_at = time.monotonic()
        if self._keeper is None and not is_empty(self._context.work_dir):
            self._keeper = self._start()
        self._read_answers()

    def finish(self) -> tuple[FileRef, ...]:
        """End the keeper, store what it has not, and list all that is there now; the first that was written first.

        Call it when nothing of the training runs any more and its files were taken back.

        Raises:
            PlatformFault: The store does not answer.
        """
        self._finished = True
        self._end_keeper()
        files = {
            name: path for name, path in files_below(self._context, self._places.checkpoints) if self._is_nameable(name)
        }
        states = {name: state_of(path.stat()) for name, path in files.items()}
        there = {name: kept for name, kept in self._kept.items() if states.get(name) == kept[0]}
        rest = [name for name in files if name not in there]
        refs = store_files(self._context, [(name, files[name]) for name in rest], "checkpoints")
        there |= {name: (states[name], ref) for name, ref in zip(rest, refs, strict=True)}
        listed = in_order(there)
        if listed or self._kept:
            self._publish(listed)
        return listed

    def close(self) -> None:
        """Keep what is there where the stage ends before ``finish``: stopped, or broken. Never raises."""
        if self._finished:
            return
        try:
            take_back(self._context.isolation, self._places.writable)
            files = self.finish()
        except (VerbatimError, OSError) as error:
            self._context.console.say(f"the last checkpoints could not be kept: {error}")
        else:
            if files:
                self._context.console.say(f"checkpoints: {len(files)} files are kept")

    def _start(self) -> subprocess.Popen[bytes]:
        context = self._context
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert keeper.stdin
        assert keeper.stdout
        os.set_blocking(keeper.stdout.fileno(), False)
        task = {
            "store_url": context.store.url,
            "credentials": json.loads(context.secrets.in_clear())["store"],
            "switches": context.isolation.switches,
            "work": str(context.work_dir),
            "run_id": context.request.run_id,
            "try_number": context.request.try_number,
            "kept": to_json(self._kept),
            "interval_s": INTERVAL_S,
        }
        keeper.stdin.write(json.dumps(task).encode() + b"\n")
        keeper.stdin.flush()
        return keeper

    def _read_answers(self) -> None:
        if self._keeper is None or self._keeper.stdout is None:
            return
        while content := self._keeper.stdout.read(256 * 1024):
            self._answers += content
        *lines, self._answers = self._answers.split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, answer: dict[str, Any]) -> None:
        stored = from_json(answer.get("kept", {}))
        self._kept |= stored
        for path, (_, ref) in stored.items():
            self._context.console.say(f"checkpoint: {path} is kept, {ref.size} bytes")
        if "fault" in answer:
            self._context.console.say(f"checkpoints cannot be kept at the moment: {answer['fault']}")

    def _end_keeper(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        assert keeper.stdin
        keeper.stdin.close()
        try:
            keeper.wait(END_S)
        except subprocess.TimeoutExpired:
            with self._context.isolation.as_root(), suppress(ProcessLookupError):
                keeper.kill()
            keeper.wait()
        self._keeper = keeper
        self._read_answers()
        self._keeper = None
        assert keeper.stdout
        keeper.stdout.close()

    def _is_nameable(self, name: str) -> bool:
        if printable(name) == name:
            return True
        self._context.warn(f"the checkpoint {os.fsencode(name)!r} was not kept: its name is not UTF-8")
        return False

    def _publish(self, listed: tuple[FileRef, ...]) -> None:
        request = self._context.request
        document = Checkpoints(try_number=request.try_number, files=listed, updated_at=now())
        self._context.store.overwrite(layout.checkpoints(request.run_id), document.canonical())
