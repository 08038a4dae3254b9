"""What a task makes of the way in which its stage ended. The engine is ours; store, catalog and books are the real ones."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from verbatim.catalog import Catalog
from verbatim.documents import now
from verbatim.errors import ContractError, PlatformFault, Stopped, UserFault
from verbatim.exit_codes import ExitCode
from verbatim.lifecycle import RunLifecycle
from verbatim.spec import Image
from verbatim.stage import EvaluateOutputs, PrepareOutputs, StageError, StageResult, TrainOutputs, Usage
from verbatim.store import Store, layout
from verbatim.system_packages import SystemPackages
from verbatim_operators.engines.base import Engine, Launch, OnLine, Outcome
from verbatim_operators.stage_execution import StageExecution, has_outputs
from verbatim_operators.worker import Platform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verbatim.settings import PlatformSettings

RUN_ID = "churn-20261120T042010-9f3c1a"
LOG = {"path": "log", "size": 0, "sha256": "0" * 64}
TRAINED = TrainOutputs(
    command=("python", "train.py"), metrics={}, points=0, model=(), artifacts=(), log=LOG,
    usage=Usage(duration_s=1, cpu_s=1, peak_memory_bytes=1),
)  # fmt: skip


class ScriptedEngine(Engine):
    """An engine whose stage is a function of the launch."""

    name = "process"
    isolation = "nothing at all"
    cache_dir = "/nowhere"

    def __init__(self, store_url: str, stage: Callable[[Launch, OnLine], Outcome]) -> None:
        self.store_url = store_url
        self.stops = 0
        self._stage = stage

    def image(self) -> Image:
        return Image(reference="none", digest="sha256:0")

    def run(self, launch: Launch, on_line: OnLine) -> Outcome:
        return self._stage(launch, on_line)

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
def platform(settings: PlatformSettings, tmp_path: Path) -> Platform:
    """A platform with one pinned run."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").touch()
    allowing = settings.model_copy(update={"files": settings.files.model_copy(update={"read": ("*",)})})
    store, catalog = Store(allowing.store_url), Catalog(allowing.catalog_url)
    catalog.migrate()
    lifecycle = RunLifecycle(store, catalog, allowing)
    lifecycle.pin(
        {"code": str(code), "gates": [{"metric": "auc", "min": 1}]},
        run_id=RUN_ID, try_number=1, image=Image(reference="none", digest="sha256:0"), engine="process", actor="ada",
        origin={}, moment=now(),
    )  # fmt: skip
    return Platform(allowing, store, catalog, lifecycle)


def answer(platform: Platform, launch: Launch, **more: object) -> None:
    """Publish a result as the runner would."""
    request = launch.request
    given = {"state": "succeeded", "outputs": TRAINED} | more
    result = StageResult(
        run_id=request.run_id, stage=request.stage, try_number=request.try_number, started_at=now(), finished_at=now(),
        engine="process", **given,
    )  # fmt: skip
    platform.store.publish(layout.stage_result(request.run_id, request.stage, request.try_number), result)


def execution(platform: Platform, stage: Callable[[Launch, OnLine], Outcome]) -> StageExecution:
    return StageExecution(platform, ScriptedEngine(platform.settings.store_url, stage), logging.getLogger("task"))


def test_a_stage_that_answers_well_is_a_success_and_its_lines_are_logged(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    def stage(launch: Launch, on_line: OnLine) -> Outcome:
        on_line("100 % done")
        answer(platform, launch)
        return Outcome(0)

    with caplog.at_level(logging.INFO):
        assert execution(platform, stage).run(RUN_ID, "train", 1).outputs == TRAINED
    assert "100 % done" in caplog.messages


@pytest.mark.parametrize(("code", "ended"), [(0, "code 0"), (1, "code 1"), (139, "signal 11"), (-9, "signal 9")])
def test_a_stage_without_a_result_fails_with_the_last_that_it_said(platform: Platform, code: int, ended: str) -> None:
    def stage(_launch: Launch, on_line: OnLine) -> Outcome:
        for number in range(50):
            on_line(f"line {number}.")
        return Outcome(code)

    with pytest.raises(ContractError) as caught:
        execution(platform, stage).run(RUN_ID, "train", 1)
    assert ended in caught.value.message
    assert "line 49." in caught.value.message
    assert "line 29." not in caught.value.message
    assert platform.catalog.run(RUN_ID).status == "failed"


def test_a_garbled_result_fails_closed(platform: Platform) -> None:
    def stage(launch: Launch, _on_line: OnLine) -> Outcome:
        platform.store.overwrite(layout.stage_result(RUN_ID, launch.request.stage, 1), b'{"state": "succeeded"')
        return Outcome(0)

    with pytest.raises(ContractError):
        execution(platform, stage).run(RUN_ID, "train", 1)


def test_a_runner_that_could_not_reach_the_store_is_the_platforms_fault(platform: Platform) -> None:
    with pytest.raises(PlatformFault) as caught:
        execution(platform, lambda _launch, _on_line: Outcome(75)).run(RUN_ID, "train", 1)
    assert not isinstance(caught.value, ContractError)


def test_success_with_another_exit_code_is_no_success(platform: Platform) -> None:
    def stage(launch: Launch, _on_line: OnLine) -> Outcome:
        answer(platform, launch)
        return Outcome(1)

    with pytest.raises(ContractError, match="reports success"):
        execution(platform, stage).run(RUN_ID, "train", 1)


def test_a_stopped_stage_is_never_a_success_whatever_it_said(platform: Platform) -> None:
    def stage(launch: Launch, _on_line: OnLine) -> Outcome:
        running.stop()
        answer(platform, launch)
        return Outcome(0)

    running = execution(platform, stage)
    with pytest.raises(Stopped, match="stopped"):
        running.run(RUN_ID, "train", 1)
    assert platform.catalog.run(RUN_ID).status == "cancelled"


def test_a_container_that_vanishes_while_it_is_stopped_is_a_stop_too(platform: Platform) -> None:
    def stage(_launch: Launch, _on_line: OnLine) -> Outcome:
        running.stop()
        raise PlatformFault("no such container")

    running = execution(platform, stage)
    with pytest.raises(Stopped):
        running.run(RUN_ID, "train", 1)


@pytest.mark.parametrize("answers", [True, False])
def test_running_out_of_memory_is_never_a_success_and_names_the_limit(platform: Platform, answers: bool) -> None:
    def stage(launch: Launch, _on_line: OnLine) -> Outcome:
        if answers:
            answer(platform, launch)
        return Outcome(0 if answers else 137, out_of_memory="out of memory at 64 MiB")

    with pytest.raises(UserFault, match="64 MiB") as caught:
        execution(platform, stage).run(RUN_ID, "train", 1)
    assert caught.value.field == "resources.memory"


def test_a_failure_is_raised_as_what_it_is(platform: Platform) -> None:
    def stage(launch: Launch, _on_line: OnLine) -> Outcome:
        error = StageError(kind="user", message="python: no such command", field="command")
        answer(platform, launch, state="failed", outputs=None, error=error)
        return Outcome(65)

    with pytest.raises(UserFault, match="no such command"):
        execution(platform, stage).run(RUN_ID, "train", 1)
    assert platform.catalog.run(RUN_ID).status == "failed"


def test_a_stage_with_nothing_to_do_starts_nothing(platform: Platform) -> None:
    def stage(_launch: Launch, _on_line: OnLine) -> Outcome:
        raise AssertionError

    assert execution(platform, stage).run(RUN_ID, "extract", 1).state == "succeeded"


def test_a_stage_that_lacks_packages_is_run_again_where_they_are(platform: Platform) -> None:
    launches: list[Launch] = []

    def stage(launch: Launch, _on_line: OnLine) -> Outcome:
        launches.append(launch)
        if not launch.packages:
            needed = SystemPackages(names=("hello",))
            platform.store.publish(layout.system_packages(RUN_ID, launch.request.stage, 1), needed)
            return Outcome(ExitCode.NEEDS_PACKAGES)
        answer(platform, launch)
        return Outcome(0)

    execution(platform, stage).run(RUN_ID, "train", 1)
    assert [launch.packages for launch in launches] == [(), ("hello",)]
    assert launches[0].request == launches[1].request


def test_training_runs_with_the_packages_that_were_recorded_and_so_does_evaluation(platform: Platform) -> None:
    prepared = PrepareOutputs.model_validate({
        "code": {"digest": "0" * 64, "bytes": 1, "commit": None, "files": 1},
        "environment": {
            "lock_digest": "0" * 64, "python": "3.11.2", "packages": 0, "declared_by": "imports", "cached": True,
        },
        "entry": {"argv": ["python", "train.py"], "appends_parameters": True, "found_by": "train.py"},
        "system_packages": ["hello=2.10-3"],
    })  # fmt: skip
    given: dict[str, tuple[str, ...]] = {}

    def stage(launch: Launch, _on_line: OnLine) -> Outcome:
        given[launch.request.stage] = launch.packages
        passed = EvaluateOutputs(metrics={}, gates=(), passed=True)
        answer(platform, launch, outputs={"prepare": prepared, "evaluate": passed}.get(launch.request.stage, TRAINED))
        return Outcome(0)

    for name in ("prepare", "train", "evaluate"):
        execution(platform, stage).run(RUN_ID, name, 1)
    assert given == {"prepare": (), "train": ("hello=2.10-3",), "evaluate": ("hello=2.10-3",)}


def test_there_is_something_to_register_only_after_this_trainings_own_evaluation(platform: Platform) -> None:
    def evaluated(launch: Launch, _on_line: OnLine) -> Outcome:
        answer(platform, launch, outputs=EvaluateOutputs(metrics={}, gates=(), passed=True))
        return Outcome(0)

    def trained(launch: Launch, _on_line: OnLine) -> Outcome:
        answer(platform, launch)
        return Outcome(0)

    assert not has_outputs(platform.store, RUN_ID, "evaluate", since="train")
    execution(platform, trained).run(RUN_ID, "train", 1)
    assert not has_outputs(platform.store, RUN_ID, "evaluate", since="train")
    execution(platform, evaluated).run(RUN_ID, "evaluate", 1)
    assert has_outputs(platform.store, RUN_ID, "evaluate", since="train")
    execution(platform, trained).run(RUN_ID, "train", 2)
    assert not has_outputs(platform.store, RUN_ID, "evaluate", since="train")
