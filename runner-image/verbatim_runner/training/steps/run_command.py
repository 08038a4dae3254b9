"""Run the user's command, and follow what it says."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

from verbatim.beneath import open_beneath
from verbatim.errors import PlatformFault
from verbatim_runner.metrics.written import WrittenMetrics
from verbatim_runner.training.advice import Background
from verbatim_runner.training.failure import FAILURE_CHARS, explain
from verbatim_runner.training.outputs import system_temporary, take_back
from verbatim_runner.training.supervisor import Finished, project_listing, run_user_command
from verbatim_runner.training.watch import state_of, watched

if TYPE_CHECKING:
    from verbatim_runner.training.state import Training

FAILURE_FILE = "ml/output/failure"
MAX_WARNED = 20


def run_command(training: Training) -> None:
    """Run the command to its end; a failure is kept in the state, so that what it left can still be stored."""
    context = training.context
    training.before = state_of(watched(context, training.places))
    context.console.say(f"starting: {shlex.join(training.argv)}")
    training.written = _written_metrics(training)
    listing = project_listing(training.project)
    follower = _Follower(training)
    try:
        finished = run_user_command(
            context, training.argv, training.project, training.variables, on_line=follower.line, stop=training.stop,
            prefix=training.prefix, on_progress=training.capture.read_progress, on_tick=follower.tick,
        )  # fmt: skip
    finally:
        follower.show()
        with suppress(PlatformFault):  # written again with the last points
            training.recorder.flush()
    training.usage = finished.usage
    take_back(context.isolation, (*training.places.writable, *system_temporary(context)))
    follower.finish()
    if finished.exit_code != 0:
        training.fault = explain(
            finished, training.argv, reason=_reason(training), listing=listing,
            resources=context.request.spec.resources, background=Background.of(training.prepared, context.request.spec),
        )  # fmt: skip
    _report_usage(training, finished)


def _written_metrics(training: Training) -> WrittenMetrics:
    places = training.places
    return WrittenMetrics(
        training.context.work_dir, places.writable, places.input, hypertune=places.hypertune, recorder=training.recorder
    )


class _Follower:
    """Passes on what the command says, and what is measured meanwhile."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._lines: list[str] = []
        self._warned: set[str] = set()

    def line(self, text: str) -> None:
        shown = self._training.log.hide(text)
        self._training.log.write(shown)
        self._lines.append(shown)
        self._training.capture.read(text)

    def show(self) -> None:
        """Pass on the lines that came since, at once: one by one would be slower than a training may print."""
        lines, self._lines = self._lines, []
        self._training.log.flush()
        self._training.context.console.lines(lines)

    def tick(self) -> None:
        training = self._training
        self.show()
        for ticker in training.tickers:
            ticker()
        if training.recorder.flush_if_due():
            training.written.read_new()
            self._warn_of_infinite()
            with suppress(PlatformFault):  # tried again
                training.context.console.flush()

    def finish(self) -> None:
        """Read what is left to read."""
        self._training.written.read_rest()
        self._warn_of_infinite()

    def _warn_of_infinite(self) -> None:
        for name, value, step in self._training.recorder.turned_infinite():
            if name not in self._warned and len(self._warned) < MAX_WARNED:
                self._warned.add(name)
                when = f" at step {step}" if step is not None else ""
                self._training.context.warn(
                    f"the metric {name} became {value}{when}; no gate on it can pass as long as it is"
                )


def _reason(training: Training) -> str:
    """Return what the command wrote into SageMaker's failure file."""
    file = open_beneath(training.context.work_dir, FAILURE_FILE)
    if file is None:
        return ""
    with file:
        return file.read(4 * FAILURE_CHARS).decode("utf-8", "replace").strip()


def _report_usage(training: Training, finished: Finished) -> None:
    usage = finished.usage
    measured = {name: value for name, value in usage.model_dump().items() if value is not None}
    training.recorder.add([(f"system/{name}", float(value), None) for name, value in measured.items()], "system")
    training.context.console.say(
        f"the command ran for {usage.duration_s:.1f} s, used {usage.cpu_s:.1f} s of CPU "
        f"and {usage.peak_memory_bytes / 1024**2:.0f} MiB of memory at its peak"
    )
