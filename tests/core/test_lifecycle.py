from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from verbatim.errors import ContractError, GateFailed, PlatformFault, RequestError, Stopped, UserFault
from verbatim.lifecycle import raise_for
from verbatim.manifest import Manifest
from verbatim.record import run_record
from verbatim.store import layout

if TYPE_CHECKING:
    from conftest import Bench

GATES = [{"metric": "auc", "min": 0.95}]


def test_a_run_goes_from_conf_to_champion(bench: Bench) -> None:
    bench.go_to("register", promotion="auto", gates=[{"metric": "auc", "min": 0.5}])
    assert not bench.store.exists(layout.manifest("churn-1")), "a run that is not promoted yet has not finished"
    bench.lifecycle.promote("churn-1", 1, "ada")
    record = run_record(bench.store, bench.catalog, "churn-1")
    assert record["status"] == "succeeded"
    assert (record["model"]["version"], record["model"]["aliases"]) == (1, ["champion"])
    assert {stage["state"] for stage in record["stages"].values()} == {"succeeded"}
    manifest = bench.store.read(layout.manifest("churn-1"), Manifest)
    assert (manifest.verdict, manifest.spec_digest) == ("candidate", record["spec_digest"])
    assert set(manifest.stages) == set(record["stages"])
    assert {row.action for row in bench.catalog.audit()} == {"extract", "set_alias"}


def test_a_bad_conf_is_told_and_booked_as_failed(bench: Bench) -> None:
    with pytest.raises(RequestError, match="'metrcs'"):
        bench.pin(metrcs=[])
    row = bench.catalog.run("churn-1")
    assert (row.status, row.stage, row.experiment) == ("failed", "pin", "default")
    assert "metrcs" in row.error
    assert not bench.store.exists(layout.spec("churn-1"))


def test_a_pin_that_is_tried_again_keeps_the_spec(bench: Bench) -> None:
    first = bench.pin()
    (bench.root / "churn/train.py").write_text("print(2)\n")
    assert bench.pin(try_number=2).outputs == first.outputs


def test_a_stage_that_is_asked_again_for_the_same_try_gets_the_same_request(bench: Bench) -> None:
    bench.go_to("extract")
    assert bench.ask("train") == bench.ask("train")
    assert list(bench.ask("train").inputs) == ["extract"]


def test_a_stage_is_given_the_results_that_it_needs_and_no_others(bench: Bench) -> None:
    bench.go_to("train")
    assert set(bench.ask("evaluate").inputs) == {"extract", "prepare", "train"}


def test_stages_that_have_nothing_to_do_need_no_container(bench: Bench) -> None:
    bench.pin(data={}, model=None)
    for stage in ("extract", "validate", "evaluate", "register"):
        result = bench.lifecycle.not_needed(bench.ask(stage))
        assert result is not None
        assert result.engine == "worker"
    for stage in ("prepare", "train"):
        assert bench.lifecycle.not_needed(bench.ask(stage)) is None
    bench.answer(bench.ask("prepare"))
    bench.lifecycle.promote("churn-1", 1, "ada")
    assert bench.store.read(layout.manifest("churn-1"), Manifest).verdict == "no_model"


def test_a_failed_gate_registers_a_rejected_version_and_ends_rejected(bench: Bench) -> None:
    bench.go_to("register", gates=GATES, gate=GateFailed("auc is 0.9, below the minimum 0.95"))
    row = bench.catalog.run("churn-1")
    assert (row.status, row.error) == ("rejected", "auc is 0.9, below the minimum 0.95")
    assert row.finished_at is not None
    assert [version.status for version in bench.catalog.versions("churn")] == ["rejected"]
    assert bench.store.read(layout.manifest("churn-1"), Manifest).verdict == "rejected"


def test_a_rejected_version_is_not_promoted(bench: Bench) -> None:
    bench.go_to("register", gates=GATES, gate=GateFailed("too low"), promotion="auto")
    with pytest.raises(UserFault, match="rejected"):
        bench.lifecycle.promote("churn-1", 1, "ada")
    assert bench.catalog.run("churn-1").status == "rejected"
    assert bench.catalog.aliases("churn") == {}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UserFault("boom", field="command"), "failed"),
        (PlatformFault("disk full"), "failed"),
        (Stopped("cancel"), "cancelled"),
    ],
)
def test_a_failure_ends_the_run_and_can_be_raised_again(bench: Bench, error: Exception, status: str) -> None:
    bench.go_to("prepare")
    result = bench.answer(bench.ask("train"), error)
    assert bench.catalog.run("churn-1").status == status
    assert bench.catalog.versions() == []
    with pytest.raises(type(error)) as raised:
        raise_for(result)
    assert str(raised.value) == str(error)


def test_a_next_try_makes_a_failed_run_run_again(bench: Bench) -> None:
    bench.go_to("prepare")
    bench.answer(bench.ask("train"), PlatformFault("disk full"))
    bench.ask("train", try_number=2)
    row = bench.catalog.run("churn-1")
    assert (row.status, row.finished_at) == ("running", None)


def test_a_branch_that_starts_beside_a_failed_stage_does_not_revive_the_run(bench: Bench) -> None:
    bench.pin()
    bench.answer(bench.ask("extract"), UserFault("there is no data"))
    bench.answer(bench.ask("prepare"))
    assert bench.catalog.run("churn-1").status == "failed"
    bench.ask("extract", try_number=2)
    assert bench.catalog.run("churn-1").status == "running"


def test_a_run_that_succeeds_after_a_failed_try_has_no_error(bench: Bench) -> None:
    bench.go_to("prepare")
    bench.answer(bench.ask("train"), PlatformFault("disk full"))
    for stage in ("train", "evaluate", "register"):
        request = bench.ask(stage, try_number=2)
        if not bench.lifecycle.not_needed(request):
            bench.answer(request)
    bench.lifecycle.promote("churn-1", 1, "ada")
    row = bench.catalog.run("churn-1")
    assert (row.status, row.error) == ("succeeded", None)


def test_a_stage_that_says_success_and_was_stopped_did_not_succeed(bench: Bench) -> None:
    bench.go_to("evaluate")
    request = bench.ask("evaluate")
    bench.lifecycle.fail(request, Stopped("cancelled"))
    record = run_record(bench.store, bench.catalog, "churn-1")
    assert (record["status"], record["stages"]["evaluate"]["state"]) == ("cancelled", "failed")
    assert record["stages"]["evaluate"]["error"]["kind"] == "stopped"


def test_a_run_without_a_model_that_misses_a_gate_ends_rejected(bench: Bench) -> None:
    bench.go_to("evaluate", gates=GATES, gate=GateFailed("too low"), model=None)
    assert bench.lifecycle.not_needed(bench.ask("register"))
    assert bench.catalog.run("churn-1").status == "rejected"
    assert bench.store.read(layout.manifest("churn-1"), Manifest).verdict == "rejected"


def test_a_stage_after_the_failed_one_revives_the_run_and_one_beside_it_does_not(bench: Bench) -> None:
    bench.pin()
    bench.answer(bench.ask("prepare"), UserFault("no requirements"))
    bench.ask("validate")
    assert bench.catalog.run("churn-1").status == "failed"
    bench.ask("train")  # its needs have succeeded since, or it would not be asked
    assert bench.catalog.run("churn-1").status == "running"


def test_a_missing_or_garbled_result_is_a_contract_error(bench: Bench) -> None:
    bench.go_to("prepare")
    request = bench.ask("train")
    with pytest.raises(ContractError, match="without a result"):
        bench.lifecycle.result_of(request)
    bench.store.overwrite(layout.stage_result("churn-1", "train", 1), b'{"state": "succeeded"}')
    with pytest.raises(ContractError, match="not a readable StageResult"):
        bench.lifecycle.result_of(request)
    bench.lifecycle.fail(request, ContractError("no result"))
    assert bench.catalog.run("churn-1").status == "failed"


def test_runs_of_one_model_get_their_own_versions_and_a_retry_keeps_its_own(bench: Bench) -> None:
    for run in ("churn-1", "churn-2"):
        bench.go_to("evaluate", run)
    assert [bench.ask("register", run).model_version for run in ("churn-2", "churn-1")] == [1, 2]
    assert bench.ask("register", "churn-2", try_number=2).model_version == 1
