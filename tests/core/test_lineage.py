"""From a model back to what it was made of, and from data forward to every model; over real books, with results as stages write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.channels import HiveSource, S3Source, Sample
from verbatim.documents import FileRef, tree_digest
from verbatim.errors import NotFound, UserFault
from verbatim.manifest import Manifest
from verbatim.record import run_record
from verbatim.snapshot import Column, DatasetSnapshot, KeyDistribution, SampleRecord, SourceObject
from verbatim.spec import BoundQuery, PinnedChannel, PinnedCheckpoints
from verbatim.stage import ExtractOutputs, SnapshotRef, StageResult
from verbatim.store import layout
from verbatim.subject import Subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Bench

    from verbatim.stage import StageRequest

MOMENT = datetime(2026, 11, 20, 4, 20, 10, tzinfo=UTC)
QUERY = "SELECT * FROM lake.events WHERE ts < TIMESTAMP '2026-11-20 04:20:10'"
FILE = FileRef(path="part-0.parquet", size=90, sha256="d" * 64)
OTHER_FILE = FileRef(path="part-0.parquet", size=91, sha256="e" * 64)
OBJECT = SourceObject(path="2026/part-0.csv", size=90, modified_at=MOMENT, etag="tag", version="v7")


def from_hive(*tables: str, time_bound: bool = True, sample: Sample | None = None) -> PinnedChannel:
    query = BoundQuery(statement=QUERY, tables=tables or ("lake.events",), time_bound=time_bound)
    source = HiveSource(connection="hive_lake", query="SELECT * FROM lake.events WHERE ts < {{ as_of }}")
    return PinnedChannel(source=source, as_of=MOMENT, query=query, sample=sample)


def from_s3(uri: str = "s3://lake/churn/") -> PinnedChannel:
    return PinnedChannel(source=S3Source(uri=uri, connection="s3_lake"), as_of=MOMENT)


def extracted(bench: Bench, request: StageRequest, *, moved: str | None, file: FileRef) -> StageResult:
    """Answer an extract stage with a snapshot for each channel, as the runner does."""
    snapshots = {}
    for channel, pinned in request.spec.data.items():
        document = DatasetSnapshot(
            source=pinned.source, as_of=pinned.as_of, files=(file,), query=pinned.query, rows=12,
            objects=() if pinned.query else (OBJECT,), columns=(Column(name="user_id", type="int64"),),
            sample=record_of(pinned.sample) if pinned.sample else None,
        )  # fmt: skip
        stored = bench.store.put_bytes(document.canonical(), f"{channel}.json")
        snapshots[channel] = SnapshotRef(
            digest=tree_digest((file,)), document=stored.sha256, files=1, bytes=90, rows=12, moved=moved,
            time_bound=pinned.query is None or pinned.query.time_bound,
        )  # fmt: skip
    result = StageResult(
        run_id=request.run_id, stage="extract", try_number=request.try_number, state="succeeded", started_at=MOMENT,
        finished_at=MOMENT + timedelta(seconds=5), engine="docker", outputs=ExtractOutputs(snapshots=snapshots),
    )  # fmt: skip
    bench.store.publish(layout.stage_result(request.run_id, "extract", request.try_number), result)
    return result


def record_of(sample: Sample) -> SampleRecord:
    whole = KeyDistribution(rows=120, keys=40, largest=9, quantiles={"0.5": 3})
    return SampleRecord(sample=sample, whole=whole, taken=whole.model_copy(update={"rows": 12, "keys": 4}))


def train(
    bench: Bench,
    run_id: str,
    *,
    after: str | None = None,
    moved: str | None = None,
    file: FileRef = FILE,
    **data: PinnedChannel,
) -> None:
    """Bring a run from its conf to its registered model."""
    bench.pin(run_id)
    spec = bench.lifecycle.spec(run_id)
    resumed = PinnedCheckpoints(run_id=after, files=()) if after else None
    pinned = spec.model_copy(update={"data": data or {"train": from_hive()}, "resume_from": resumed})
    bench.store.overwrite(layout.spec(run_id), pinned.canonical())
    bench.pin(run_id, try_number=2)
    bench.lifecycle.finish(extracted(bench, bench.ask("extract", run_id), moved=moved, file=file))
    for stage in ("prepare", "validate", "train", "evaluate", "register"):
        request = bench.ask(stage, run_id)
        if not bench.lifecycle.not_needed(request):
            bench.answer(request)
    bench.lifecycle.promote(run_id, 1, "ada")


@pytest.fixture
def lineage(bench: Bench) -> Callable[..., dict[str, Any]]:
    """What a name's lineage is; runs are found by their whole id."""

    def find_run(name: str) -> str:
        runs = [row.run_id for row in bench.catalog.runs()]
        return runs[0] if name == "latest" else bench.catalog.run(name).run_id

    subjects = Subjects(bench.store, bench.catalog, find_run)
    return lambda name, kind=None: subjects.find(name, kind).lineage()


def test_a_model_goes_back_to_code_lock_image_snapshot_query_and_tables(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    train(bench, "churn-1", train=from_hive("lake.events", "lake.users", sample=Sample(fraction=0.1, key="user_id")))
    bench.catalog.set_alias("churn", "champion", 1, actor="ada", reason="best")

    found = lineage("churn@champion")

    assert found == lineage("churn") == lineage("churn:1")
    assert (found["kind"], found["model"]["version"], found["model"]["aliases"]) == ("model", 1, ["champion"])
    run = found["run"]
    assert (run["run_id"], run["status"], run["actor"]) == ("churn-1", "succeeded", "ada")
    assert run["spec_digest"] == bench.lifecycle.spec("churn-1").content_digest()
    assert (run["code"]["kind"], run["lock"]["python"]) == ("directory", "3.11.2")
    assert run["image"] == {"reference": "verbatim-runner:latest", "digest": "sha256:1"}
    channel = run["data"]["train"]
    assert channel["snapshot"] == tree_digest((FILE,))
    assert (channel["kind"], channel["connection"]) == ("hive", "hive_lake")
    assert channel["sources"] == ["lake.events", "lake.users"]
    assert channel["query"]["statement"] == QUERY
    assert (channel["rows"], channel["time_bound"], channel["moved"]) == (12, True, None)
    assert channel["columns"] == [{"name": "user_id", "type": "int64", "source_type": None}]
    assert (channel["sample"]["taken"]["rows"], channel["sample"]["whole"]["rows"]) == (12, 120)


def test_a_run_goes_back_to_the_versions_of_the_objects_it_read(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    train(bench, "churn-1", train=from_s3(), moved="1 object is gone")

    found = lineage("churn-1")

    (item,) = found["run"]["data"]["train"]["objects"]
    assert (item["path"], item["version"], item["etag"]) == ("2026/part-0.csv", "v7", "tag")
    assert found["run"]["data"]["train"]["moved"] == "1 object is gone"
    assert [(model["name"], model["version"]) for model in found["models"]] == [("churn", 1)]


@pytest.mark.parametrize(
    "name", ["lake.events", "EVENTS", "s3://lake/churn/", "s3://lake", "s3://lake/churn/2026/part-0.csv"]
)
def test_data_goes_forward_to_every_model_that_was_made_of_it(
    bench: Bench, lineage: Callable[..., dict[str, Any]], name: str
) -> None:
    both = {"train": from_hive(), "test": from_s3()}
    train(bench, "churn-1", **both)
    train(bench, "churn-2", **both, file=OTHER_FILE)
    train(bench, "churn-3", train=from_hive("lake.users"), test=from_s3("s3://other/churn/"))
    bench.catalog.set_alias("churn", "champion", 2, actor="ada", reason="best")

    found = lineage(name)

    assert [snapshot["digest"] for snapshot in found["snapshots"]] == [tree_digest((FILE,)), tree_digest((OTHER_FILE,))]
    assert [run["run_id"] for run in found["runs"]] == ["churn-1", "churn-2"]
    assert [(model["version"], model["aliases"]) for model in found["models"]] == [(1, []), (2, ["champion"])]


def test_an_object_that_was_not_among_those_that_were_read_has_no_lineage(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    train(bench, "churn-1", train=from_s3())
    with pytest.raises(NotFound, match="no run, model or data is called"):
        lineage("s3://lake/churn/2026/part-1.csv")
    assert lineage("s3://lake/churn/2026/")["models"]


def test_a_snapshot_goes_forward_by_digest_and_by_the_channel_of_a_run(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    train(bench, "churn-1")
    train(bench, "churn-2")
    digest = tree_digest((FILE,))
    for name in (digest, digest[:8], "churn-2:train"):
        found = lineage(name)
        assert (found["kind"], found["name"]) == ("dataset", digest)
        assert [model["run_id"] for model in found["models"]] == ["churn-1", "churn-2"]
        assert len(found["snapshots"][0]["extractions"]) == 2


def test_what_went_on_from_checkpoints_comes_of_their_data_too(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    train(bench, "churn-1")
    train(bench, "churn-2", after="churn-1", train=from_s3())
    train(bench, "churn-3", after="churn-2", train=from_s3())

    assert [model["version"] for model in lineage("lake.events")["models"]] == [1, 2, 3]
    assert [model["version"] for model in lineage("churn-1")["models"]] == [1, 2, 3]
    back = lineage("churn:3")["run"]
    assert back["resumed_from"]["resumed_from"]["run_id"] == "churn-1"
    assert back["resumed_from"]["resumed_from"]["data"]["train"]["sources"] == ["lake.events"]


def test_a_run_that_failed_at_its_conf_has_a_lineage_all_the_same(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(UserFault):
        bench.pin("churn-1", metrcs=[])
    found = lineage("churn-1")
    assert (found["run"]["code"], found["run"]["data"], found["models"]) == (None, {}, [])


def test_a_run_that_has_not_extracted_yet_says_what_it_asks_for(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    bench.pin("churn-1")
    channel = lineage("latest")["run"]["data"]["train"]
    assert (channel["snapshot"], channel["kind"], channel["objects"]) == (None, "file", [])


def test_a_name_that_is_several_things_lists_them_and_the_kind_decides(
    bench: Bench, lineage: Callable[..., dict[str, Any]]
) -> None:
    train(bench, "churn-1", train=from_hive("lake.churn"))
    with pytest.raises(
        UserFault, match=r"the model churn, version 1 .--kind model. or the table churn .--kind dataset."
    ):
        lineage("churn")
    assert lineage("churn", "model")["kind"] == "model"
    assert lineage("churn", "dataset")["runs"][0]["run_id"] == "churn-1"


def test_an_unknown_name_tells_what_there_is(bench: Bench, lineage: Callable[..., dict[str, Any]]) -> None:
    train(bench, "churn-1")
    with pytest.raises(NotFound, match=r"'lake.clicks'.*a table or a URI.*models: churn; data: lake.events"):
        lineage("lake.clicks")
    for name, told in {"churn:9": "there are: 1", "churn@best": "no alias", "churn-1:test": "it has train"}.items():
        with pytest.raises(NotFound, match=told):
            lineage(name)


def test_the_audit_tells_of_an_extraction_who_asked_what_of_whom_and_what_came(bench: Bench) -> None:
    train(bench, "churn-1", train=from_hive(time_bound=False))

    (entry,) = [row for row in bench.catalog.audit(subject="churn-1") if row.action == "extract"]

    assert entry.actor == "ada"
    told = dict(entry.details)
    assert told.pop("extracted_at") == (MOMENT + timedelta(seconds=5)).isoformat()
    assert told == {
        "channel": "train", "try_number": 1, "kind": "hive", "connection": "hive_lake", "sources": ["lake.events"],
        "query": {"statement": QUERY, "values": {}}, "as_of": MOMENT.isoformat(), "sample": None,
        "snapshot": tree_digest((FILE,)), "rows": 12, "files": 1, "bytes": 90, "reused": False, "time_bound": False,
        "moved": None,
    }  # fmt: skip


def test_a_failed_extraction_is_audited_with_its_reason(bench: Bench) -> None:
    bench.pin("churn-1")
    request = bench.ask("extract", "churn-1")
    result = bench.answer(request, UserFault("there is no such table", field="data.train.hive.query"))
    bench.lifecycle.finish(result)

    (entry,) = bench.catalog.audit(subject="churn-1")

    assert entry.action == "extract_failed"
    assert (entry.details["field"], entry.details["message"]) == ("data.train.hive.query", "there is no such table")
    assert list(entry.details["channels"]) == ["train"]


def test_record_and_manifest_say_what_was_asked_and_whether_it_was_bound_to_a_time(bench: Bench) -> None:
    train(bench, "churn-1", train=from_hive(time_bound=False), moved="3 rows fewer")

    data = run_record(bench.store, bench.catalog, "churn-1")["data"]["train"]
    manifest = bench.store.read(layout.manifest("churn-1"), Manifest)

    assert (data["query"]["tables"], data["time_bound"], data["moved"]) == (["lake.events"], False, "3 rows fewer")
    assert manifest.spec.data["train"].query.statement == QUERY
    extraction = manifest.stages["extract"].outputs
    assert isinstance(extraction, ExtractOutputs)
    assert extraction.snapshots["train"].moved == "3 rows fewer"
