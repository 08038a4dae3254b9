"""One try of one stage on a worker: request, engine, result, books. Loaded when a task executes."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from verbatim.errors import ContractError, PlatformFault, Stopped, UserFault, VerbatimError
from verbatim.exit_codes import ExitCode
from verbatim.lifecycle import raise_for
from verbatim.record import latest_results
from verbatim.stage import (
    EngineName,
    EvaluateOutputs,
    ExtractOutputs,
    PrepareOutputs,
    RegisterOutputs,
    StageName,
    StageRequest,
    StageResult,
    TrainOutputs,
)
from verbatim_operators.credentials import secrets_for
from verbatim_operators.engines.base import Engine, Launch, Outcome
from verbatim_operators.engines.docker import DockerEngine
from verbatim_operators.engines.process import ProcessEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk.types import Logger

    from verbatim.settings import PlatformSettings
    from verbatim.store import Store
    from verbatim_operators.engines.daemon import Client
    from verbatim_operators.worker import Platform

TAIL_LINES = 20


class StageExecution:
    """Runs a stage's tries, and can be stopped from a signal handler.

    Args:
        platform: What the worker opened.
        engine: Where the stage runs.
        log: The task's log, which gets every line that the stage says.
    """

    def __init__(self, platform: Platform, engine: Engine, log: Logger) -> None:
        self._lifecycle = platform.lifecycle
        self._settings = platform.settings
        self._engine = engine
        self._log = log
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._stopped = False
        self._under_way: StageRequest | None = None

    def run(self, run_id: str, stage: StageName, try_number: int) -> StageResult:
        """Run one try to its end and keep the books.

        Returns:
            The result of a stage that succeeded.

        Raises:
            VerbatimError: Of the kind that the stage failed for; ``Stopped`` after a stop, whatever the stage said.
        """
        engine = self._engine
        request = self._lifecycle.stage_request(
            run_id, stage, try_number, engine=engine.name, store_url=engine.store_url, cache_dir=engine.cache_dir
        )
        if result := self._lifecycle.not_needed(request):
            self._log.info("%s: nothing to do in this run", stage)
            return result
        try:
            launch = Launch(request, secrets_for(request, self._settings), recorded_packages(request))
            self._under_way = request
            outcome = engine.run(launch, self._on_line)
            if outcome.exit_code == ExitCode.NEEDS_PACKAGES and not self._stopped:
                needed = self._lifecycle.system_packages_of(request)
                outcome = engine.run(replace(launch, packages=needed), self._on_line)
            self._under_way = None
            result = self._answer(request, outcome)
        except VerbatimError as error:
            failure = self._stop_of(request) if self._stopped else error
            self._book(request, failure)
            raise failure from None
        self._lifecycle.finish(result)
        raise_for(result)
        return result

    def stop(self) -> None:
        """Stop the stage; its ``run`` then raises ``Stopped``.

        It is booked at once: Airflow gives a task 5 s to end and then kills it, and a training may need longer to.
        """
        self._stopped = True
        self._engine.stop()
        if self._under_way:
            self._book(self._under_way, self._stop_of(self._under_way))

    def _on_line(self, line: str) -> None:
        self._tail.append(line)
        self._log.info("%s", line)

    def _answer(self, request: StageRequest, outcome: Outcome) -> StageResult:
        """Return the stage's own result, unless how its process ended says otherwise."""
        if self._stopped:
            raise self._stop_of(request)
        try:
            result = self._lifecycle.result_of(request)
        except ContractError as error:
            raise self._without_result(error, outcome) from None
        if result.state == "succeeded" and outcome.out_of_memory:
            raise UserFault(outcome.out_of_memory, field="resources.memory")
        if result.state == "succeeded" and outcome.exit_code != ExitCode.OK:
            raise ContractError(self._with_tail(f"the {request.stage} stage reports success, but {_ended(outcome)}"))
        return result

    def _book(self, request: StageRequest, failure: VerbatimError) -> None:
        """Record a failure; where even that fails, the failure itself is still the one to tell of."""
        try:
            self._lifecycle.fail(request, failure)
        except Exception as error:  # noqa: BLE001 - whatever keeps it from being recorded, the failure is what to tell
            self._log.warning("the failure could not be recorded: %s", error)

    def _stop_of(self, request: StageRequest) -> Stopped:
        return Stopped(
            f"the {request.stage} stage was stopped from outside: the task was cancelled, or its worker ended"
        )

    def _without_result(self, error: ContractError, outcome: Outcome) -> VerbatimError:
        if outcome.out_of_memory:
            return UserFault(outcome.out_of_memory, field="resources.memory")
        kind = PlatformFault if outcome.exit_code == ExitCode.PLATFORM_FAULT else ContractError
        return kind(self._with_tail(f"{error.message}: {_ended(outcome)}"))

    def _with_tail(self, message: str) -> str:
        said = "\n".join(f"  | {line[:160]}" for line in self._tail) or "  | (it said nothing)"
        return f"{message}. The last that it said:\n{said}"


def engine_named(name: EngineName, settings: PlatformSettings, connect: Callable[[], Client]) -> Engine:
    """Return the engine that a run was pinned to; a docker engine connects when it is first needed."""
    return DockerEngine(settings, connect) if name == "docker" else ProcessEngine(settings)


def recorded_packages(request: StageRequest) -> tuple[str, ...]:
    """Return the system packages that a run was prepared with, for the stages that run the user's command."""
    prepared = request.inputs.get("prepare")
    if request.stage not in {"train", "evaluate"} or not prepared or not isinstance(prepared.outputs, PrepareOutputs):
        return ()
    return prepared.outputs.system_packages


def has_outputs(store: Store, run_id: str, stage: StageName, *, since: StageName) -> bool:
    """Return whether a stage left outputs to go on with, in a try that came after the last one of an earlier stage.

    One that failed at a gate did; one that failed otherwise did not.
    """
    results = latest_results(store, run_id)
    result, earlier = results.get(stage), results.get(since)
    if not (result and result.outputs and earlier and result.finished_at >= earlier.finished_at):
        return False
    return result.error is None or result.error.kind == "gate"


def summary_of(result: StageResult) -> dict[str, Any]:
    """Return the few numbers of a result that travel with the task; all the rest is in the store."""
    outputs = result.outputs
    numbers: dict[str, Any] = {"duration_s": round(result.duration_s, 3)}
    if isinstance(outputs, ExtractOutputs):
        numbers["rows"] = {name: snapshot.rows for name, snapshot in outputs.snapshots.items()}
    elif isinstance(outputs, TrainOutputs):
        numbers |= {"points": outputs.points, "model_files": len(outputs.model)}
    elif isinstance(outputs, EvaluateOutputs):
        numbers["gates_passed"] = outputs.passed
    elif isinstance(outputs, RegisterOutputs):
        numbers |= {"name": outputs.name, "version": outputs.version, "status": outputs.status}
    return numbers


def _ended(outcome: Outcome) -> str:
    signal = outcome.exit_code - 128 if outcome.exit_code > 128 else -outcome.exit_code
    return f"it was ended by signal {signal}" if signal > 0 else f"it exited with code {outcome.exit_code}"
