"""A run's record: what is known of it, from the catalog and the store, in the JSON form of ``verbatim show``.

Reads only. A run that still goes on, failed, or never got past its pin has a record too: what is not known is null or
empty.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeVar

from verbatim.checkpoints import checkpoints_of
from verbatim.documents import FileRef
from verbatim.errors import NotFound
from verbatim.manifest import ModelVersion
from verbatim.metrics import MetricPoint
from verbatim.spec import RunSpec
from verbatim.stage import (
    STAGES,
    EvaluateOutputs,
    ExtractOutputs,
    Outputs,
    PrepareOutputs,
    PromoteOutputs,
    RegisterOutputs,
    SnapshotRef,
    StageName,
    StageResult,
    SuiteResult,
    TrainOutputs,
    ValidateOutputs,
)
from verbatim.store import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from verbatim.catalog import Catalog
    from verbatim.documents import Document
    from verbatim.store import Store

    Results = dict[StageName, StageResult]

Made = TypeVar("Made", bound=Outputs)


def run_record(store: Store, catalog: Catalog, run_id: str) -> dict[str, Any]:
    """Return what is known of a run, as a JSON object; NaN and infinite numbers are strings.

    Raises:
        NotFound: There is no such run.
        ContractError: One of its documents cannot be read.
    """
    row = catalog.run(run_id)
    results = latest_results(store, run_id)
    spec = store.read(layout.spec(run_id), RunSpec) if row.spec_digest else None
    evaluated = _outputs(results, "evaluate", EvaluateOutputs)
    promoted = _outputs(results, "promote", PromoteOutputs)
    return {
        "run_id": run_id,
        "experiment": row.experiment,
        "status": row.status,
        "stage": row.stage,
        "engine": row.engine,
        "actor": row.actor,
        "origin": dict(row.origin),
        "created_at": row.created_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "error": row.error,
        "warnings": [warning for result in results.values() for warning in result.warnings],
        "spec_digest": row.spec_digest,
        "stages": _stages(store, run_id, results, goes_on=row.status == "running"),
        "metrics": _last_values(store, run_id, results),
        "gates": [_plain(gate) for gate in evaluated.gates] if evaluated else [],
        "model": _model(store, catalog, results),
        "promotion": {"asked": spec.promotion if spec else None, "did": _plain(promoted) if promoted else None},
        "artifacts": _artifacts(results),
        "checkpoints": _checkpoints(store, run_id, results),
        **_reported(results),
        "validation": _validation(results),
        "usage": _usage(results),
        **run_inputs(spec, results),
    }


def latest_results(store: Store, run_id: str) -> dict[StageName, StageResult]:
    """Return the result of each stage's latest try that has one, in the order of the stages.

    Raises:
        ContractError: A result cannot be read.
    """
    tries, overruled = _tries(store, run_id, ".json"), _tries(store, run_id, ".overruled.json")
    return {
        stage: store.read(_counting(run_id, stage, tries[stage], overruled.get(stage, 0)), StageResult)
        for stage in STAGES
        if stage in tries
    }


def _counting(run_id: str, stage: StageName, answered: int, overruled: int) -> str:
    if overruled == answered:
        return layout.overruling(run_id, stage, overruled)
    return layout.stage_result(run_id, stage, answered)


def suite_results(store: Store, catalog: Catalog, run_id: str) -> dict[str, SuiteResult]:
    """Return what suites said of a run's data, by channel.

    Raises:
        NotFound: There is no such run, or nothing of it was judged.
        ContractError: The result cannot be read.
    """
    catalog.run(run_id)
    validated = _outputs(latest_results(store, run_id), "validate", ValidateOutputs)
    if validated is None or not validated.results:
        raise NotFound(f"no data of the run {run_id} was judged by a suite")
    return dict(validated.results)


def data_docs(store: Store, catalog: Catalog, run_id: str, channel: str) -> bytes:
    """Return the page of what a suite said of a channel.

    Raises:
        NotFound: There is no such run, or the channel was not judged.
    """
    suites = suite_results(store, catalog, run_id)
    page = suites[channel].data_docs if channel in suites else None
    if page is None:
        raise NotFound(f"no suite judged the channel {channel!r} of the run {run_id}; judged: {', '.join(suites)}")
    return store.get_blob(page.sha256)


def metric_points(store: Store, run_id: str) -> Iterator[MetricPoint]:
    """Yield the metric points of a run's latest training, in the order in which they came.

    Raises:
        ContractError: A stored point cannot be read.
    """
    keys = store.keys(layout.metrics_prefix(run_id))
    tries = [key.rsplit("/", 1)[1].split("-")[0] for key in keys]
    for key, number in zip(keys, tries, strict=True):
        if number == max(tries):
            whole, _, _ = store.read_bytes(key).rpartition(b"\n")
            yield from (MetricPoint.parse(line, source=key) for line in whole.splitlines())


def _tries(store: Store, run_id: str, suffix: str) -> dict[str, int]:
    """Return each stage's latest try that has a document ``<n><suffix>``."""
    latest: dict[str, int] = {}
    prefix = layout.stages_prefix(run_id)
    for key in store.keys(prefix):
        stage, _, name = key.removeprefix(f"{prefix}/").partition("/")
        number = name.removesuffix(suffix)
        if name != number and number.isdecimal():
            latest[stage] = max(latest.get(stage, 0), int(number))
    return latest


def _stages(store: Store, run_id: str, results: Results, *, goes_on: bool) -> dict[str, Any]:
    """Return the stages that began; one that was asked and has not answered runs, or was lost with its run."""
    asked = _tries(store, run_id, ".request.json")
    stages: dict[str, Any] = {}
    for stage in STAGES:
        result = results.get(stage)
        if result and result.try_number >= asked.get(stage, 0):
            stages[stage] = {
                "state": result.state,
                "duration_s": round(result.duration_s, 3),
                "started_at": result.started_at.isoformat(),
                "finished_at": result.finished_at.isoformat(),
                "engine": result.engine,
                "try_number": result.try_number,
                "error": _plain(result.error) if result.error else None,
            }
        elif stage in asked:
            state = "running" if goes_on else "lost"
            stages[stage] = {"state": state, "duration_s": None, "try_number": asked[stage], "error": None}
    return stages


def _last_values(store: Store, run_id: str, results: Results) -> dict[str, Any]:
    """Return each metric's last value: from the results, or from the points that have come while there is no result."""
    trained = _outputs(results, "train", TrainOutputs)
    evaluated = _outputs(results, "evaluate", EvaluateOutputs)
    if trained is None:
        values = {point.name: point.value for point in metric_points(store, run_id)}
    else:
        values = {name: summary.last for name, summary in trained.metrics.items()}
    if evaluated:
        values |= evaluated.metrics
    return {name: _number(value) for name, value in sorted(values.items())}


def _model(store: Store, catalog: Catalog, results: Results) -> dict[str, Any] | None:
    registered = _outputs(results, "register", RegisterOutputs)
    if registered is None or registered.name is None or registered.version is None:
        return None
    version = store.read(layout.model(registered.name, registered.version), ModelVersion)
    return {
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "status": version.status,
        "destination": version.destination,
        "delete_after": version.delete_after.isoformat() if version.delete_after else None,
        "aliases": [alias for alias, number in catalog.aliases(version.name).items() if number == version.version],
        "files": [_plain(file) for file in version.files],
    }


def _artifacts(results: Results) -> list[dict[str, Any]]:
    trained = _outputs(results, "train", TrainOutputs)
    evaluated = _outputs(results, "evaluate", EvaluateOutputs)
    validated = _outputs(results, "validate", ValidateOutputs)
    suites = validated.results.values() if validated else ()
    files = (
        *_lock(results),
        *(file for suite in suites for file in (suite.result, suite.data_docs) if file),
        *(trained.artifacts if trained else ()),
        *(evaluated.artifacts if evaluated else ()),
    )
    return [_plain(file) for file in files]


def _lock(results: Results) -> tuple[FileRef, ...]:
    prepared = _outputs(results, "prepare", PrepareOutputs)
    if prepared is None or not prepared.environment.lock_bytes:
        return ()
    made = prepared.environment
    return (FileRef(path="environment/requirements.lock", size=made.lock_bytes, sha256=made.lock_digest),)


def _checkpoints(store: Store, run_id: str, results: Results) -> list[dict[str, Any]]:
    """Return the checkpoints that are kept: all that a training left, or what has come while there is no result."""
    trained = _outputs(results, "train", TrainOutputs)
    if trained:
        return [_plain(file) for file in trained.checkpoints]
    so_far = checkpoints_of(run_id, store)
    return [_plain(file) for file in so_far.files] if so_far else []


def _reported(results: Results) -> dict[str, Any]:
    """Return what the code itself said of its run through MLflow, and what it began with."""
    trained = _outputs(results, "train", TrainOutputs)
    return {
        "resumed_from": trained.resumed_from if trained else None,
        "reported_parameters": dict(trained.reported_parameters) if trained else {},
        "tags": dict(trained.tags) if trained else {},
    }


def _validation(results: Results) -> dict[str, Any]:
    validated = _outputs(results, "validate", ValidateOutputs)
    return {channel: _plain(suite) for channel, suite in validated.results.items()} if validated else {}


def _usage(results: Results) -> dict[str, Any] | None:
    trained = _outputs(results, "train", TrainOutputs)
    return _plain(trained.usage) if trained else None


def run_inputs(spec: RunSpec | None, results: Mapping[StageName, StageResult]) -> dict[str, Any]:
    """Return what a run is made of: what was pinned, completed by what its stages found; what is not known is null."""
    if spec is None:
        unknown = ("code", "entry", "environment", "command", "as_of", "seed", "image", "platform_version")
        return dict.fromkeys(unknown) | {"data": {}, "parameters": {}, "system_packages": []}
    prepared = _outputs(results, "prepare", PrepareOutputs)
    extracted = _outputs(results, "extract", ExtractOutputs)
    pinned = _plain(spec)
    snapshots = extracted.snapshots if extracted else {}
    unknown_snapshot = dict.fromkeys(SnapshotRef.model_fields)
    return {
        "code": pinned["code"] | (_plain(prepared.code) if prepared else {}),
        "entry": _plain(prepared.entry) if prepared else None,
        "environment": _plain(prepared.environment) if prepared else None,
        "system_packages": list(prepared.system_packages) if prepared else [],
        "data": {
            channel: source | (_plain(snapshots[channel]) if channel in snapshots else unknown_snapshot)
            for channel, source in pinned["data"].items()
        },
        **{name: pinned[name] for name in ("command", "parameters", "as_of", "seed", "image", "platform_version")},
    }


def _outputs(results: Mapping[StageName, StageResult], stage: StageName, kind: type[Made]) -> Made | None:
    result = results.get(stage)
    return result.outputs if result and isinstance(result.outputs, kind) else None


def _plain(document: Document) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(document.canonical())
    plain.pop("stage", None)
    return plain


def _number(value: float) -> float | str:
    """Return a number as the documents spell it."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
