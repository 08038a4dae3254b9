"""What OpenLineage is told of a stage: by its own provider, over stages that ran or over results as stages write them."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.catalog import Catalog
from verbatim.channels import HiveSource, S3Source, SqlSource
from verbatim.documents import FileRef, now, tree_digest
from verbatim.errors import UserFault
from verbatim.lifecycle import RunLifecycle
from verbatim.snapshot import Column, DatasetSnapshot
from verbatim.spec import BoundQuery, Image, PinnedChannel, PinnedModel
from verbatim.stage import ExtractOutputs, RegisterOutputs, SnapshotRef, StageResult, TrainOutputs, Usage
from verbatim.store import Store, layout
from verbatim_operators.stage_operator import StageOperator
from verbatim_operators.worker import Platform

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.settings import PlatformSettings
    from verbatim.stage import Outputs, StageName

RUN_ID = "churn-20261120T042010-9f3c1a"
THE_RUNNER = (
    f"import os, sys; os.execv({sys.executable!r}, [{sys.executable!r}, '-m', 'verbatim_runner', *sys.argv[1:]])"
)
FILE = FileRef(path="part-0.parquet", size=90, sha256="d" * 64)


@pytest.fixture
def platform(settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A platform with one pinned run, on a site where OpenLineage's events go into a file."""
    for name in ("churn", "lake"):
        (tmp_path / name).mkdir()
    (tmp_path / "churn/train.py").touch()
    (tmp_path / "runner.pyz").write_text(THE_RUNNER)
    (tmp_path / "lake/rows.csv").write_text("user_id,label\n1,0\n2,1\n")
    config = {
        "store_url": settings.store_url, "catalog_url": settings.catalog_url, "cache_dir": settings.cache_dir,
        "runner": str(tmp_path / "runner.pyz"), "files": {"read": ["*"]},
        "connections": {"data": ["hive_lake", "s3_lake", "warehouse"]},
    }  # fmt: skip
    (tmp_path / "platform.yaml").write_text(json.dumps(config))
    monkeypatch.setenv("VERBATIM_CONFIG", str(tmp_path / "platform.yaml"))
    transport = {"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
    store, catalog = Store(settings.store_url), Catalog(settings.catalog_url)
    catalog.migrate()
    platform = Platform(settings, store, catalog, RunLifecycle(store, catalog, settings_of(tmp_path)))
    platform.lifecycle.pin(
        {"code": str(tmp_path / "churn"), "experiment": "churn", "data": {"train": {"file": {"uri": f"file://{tmp_path}/lake/"}}}},
        run_id=RUN_ID, try_number=1, image=Image(reference="none", digest="sha256:0"), engine="process", actor="ada",
        origin={}, moment=now(),
    )  # fmt: skip
    return platform


def settings_of(root: Path) -> PlatformSettings:
    from verbatim.settings import load_settings

    return load_settings(root / "platform.yaml")


def execute(task: StageOperator) -> StageOperator:
    """Execute a stage's task as Airflow does."""
    pinned = {"run_id": RUN_ID, "spec_digest": "0" * 64, "engine": "process"}
    task.execute({"ti": SimpleNamespace(xcom_pull=lambda task_ids: pinned, try_number=1)})
    return task


def event_of(task: StageOperator, tmp_path: Path, *, failed: bool = False) -> dict[str, Any]:
    """Return the event that the provider sends of a task that has ended."""
    from airflow.providers.openlineage.extractors import ExtractorManager
    from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
    from airflow.utils.state import TaskInstanceState

    dag_run = SimpleNamespace(run_id="manual")
    state = TaskInstanceState.FAILED if failed else TaskInstanceState.SUCCESS
    told = ExtractorManager().extract_metadata(dag_run, task, state, SimpleNamespace(task=task))
    OpenLineageAdapter().complete_task(
        run_id="01939f5e-0000-7000-8000-000000000000", job_name=f"train.{task.task_id}", end_time=now().isoformat(),
        task=told, nominal_start_time=None, nominal_end_time=None, owners=None, tags=None, job_description=None,
    )  # fmt: skip
    return json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])


def answered(platform: Platform, stage: StageName, outputs: Outputs) -> None:
    """Publish a stage's result as the runner does."""
    result = StageResult(
        run_id=RUN_ID, stage=stage, try_number=1, state="succeeded", started_at=now(), finished_at=now(),
        engine="process", outputs=outputs,
    )  # fmt: skip
    platform.store.publish(layout.stage_result(RUN_ID, stage, 1), result)


def pinned(source: Any, *tables: str) -> PinnedChannel:
    query = BoundQuery(statement="SELECT 1", tables=tables, time_bound=True) if tables else None
    return PinnedChannel(source=source, as_of=now(), query=query)


def lineage(platform: Platform, stage: StageName, **changes: Any) -> Any:
    """Return what a stage tells, of a run whose spec was changed so."""
    from verbatim_operators.open_lineage import lineage_of

    spec = platform.lifecycle.spec(RUN_ID).model_copy(update=changes)
    platform.store.overwrite(layout.spec(RUN_ID), spec.canonical())
    return lineage_of(platform, RUN_ID, stage)


def test_an_extraction_that_ran_tells_what_it_read_and_the_snapshot_that_it_made(
    platform: Platform, tmp_path: Path
) -> None:
    event = event_of(execute(StageOperator(task_id="extract", stage="extract")), tmp_path)

    (row,) = platform.catalog.extractions_from(f"file://{tmp_path}/lake/")
    (read,), (made,) = event["inputs"], event["outputs"]
    assert (read["namespace"], read["name"]) == ("file", f"{tmp_path}/lake/")
    assert (made["namespace"], made["name"]) == (f"verbatim+{platform.store.url}", "snapshots/churn/train")
    assert made["facets"]["version"]["datasetVersion"] == row.snapshot
    assert made["outputFacets"]["outputStatistics"]["fileCount"] == 1
    about = event["run"]["facets"]["verbatim_run"]
    digest = platform.lifecycle.spec(RUN_ID).content_digest()
    assert (about["runId"], about["specDigest"], about["stage"]) == (RUN_ID, digest, "extract")


def test_an_extraction_that_failed_tells_what_it_was_to_read(platform: Platform, tmp_path: Path) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    (tmp_path / "lake/rows.csv").unlink()
    task = StageOperator(task_id="extract", stage="extract")
    with pytest.raises(AirflowFailException):
        execute(task)

    event = event_of(task, tmp_path, failed=True)

    assert [read["name"] for read in event["inputs"]] == [f"{tmp_path}/lake/"]
    assert event["outputs"] == []


@pytest.mark.parametrize(
    ("connection", "source", "tables", "expected"),
    [
        ("hiveserver2://u:hush@hive.example/lake", "hive", ["events", "`Web`.Clicks"],
         [("hive://hive.example:10000", "lake.events"), ("hive://hive.example:10000", "web.clicks")]),
        ("postgres://u:hush@db.example:5433/sales", "sql", ["orders", 'eu."Orders"'],
         [("postgres://db.example:5433", "sales.public.orders"), ("postgres://db.example:5433", "sales.eu.Orders")]),
        ("mysql://u:hush@db.example/sales", "sql", ["orders"], [("mysql://db.example:3306", "sales.orders")]),
    ],
)  # fmt: skip
def test_tables_have_the_names_that_other_jobs_know_them_by_and_no_secret(  # noqa: PLR0917
    platform: Platform, monkeypatch: pytest.MonkeyPatch, connection: str, source: str, tables: list[str],
    expected: list[tuple[str, str]],
) -> None:  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection)
    kind = HiveSource if source == "hive" else SqlSource
    channel = pinned(kind(connection="warehouse", query="SELECT 1"), *tables)

    told = lineage(platform, "extract", data={"train": channel})

    assert [(dataset.namespace, dataset.name) for dataset in told.inputs] == expected
    assert told.job_facets["sql"].query == "SELECT 1"
    assert "hush" not in repr(told)


def test_a_table_of_sqlite_is_a_dataset_of_its_file(platform: Platform) -> None:
    channel = pinned(SqlSource(connection="warehouse", query="SELECT 1"), "orders")
    channel = channel.model_copy(update={"database_file": "/srv/sales.db"})
    (dataset,) = lineage(platform, "extract", data={"train": channel}).inputs
    assert (dataset.namespace, dataset.name) == ("sqlite:///srv/sales.db", "orders")


def test_a_prefix_is_a_dataset_of_its_bucket(platform: Platform) -> None:
    channel = pinned(S3Source(uri="s3://lake/churn/", connection="s3_lake"))
    (dataset,) = lineage(platform, "extract", data={"train": channel}).inputs
    assert (dataset.namespace, dataset.name) == ("s3://lake", "churn/")


def test_a_training_reads_snapshots_with_their_schema_and_makes_the_model_that_is_registered(
    platform: Platform,
) -> None:
    document = DatasetSnapshot(
        source=S3Source(uri="s3://lake/churn/", connection="s3_lake"), as_of=now(), files=(FILE,), rows=12,
        columns=(Column(name="user_id", type="int64"),),
    )  # fmt: skip
    stored = platform.store.put_bytes(document.canonical(), "train.json")
    digest = tree_digest((FILE,))
    snapshot = SnapshotRef(digest=digest, document=stored.sha256, files=1, bytes=90, rows=12)
    answered(platform, "extract", ExtractOutputs(snapshots={"train": snapshot}))
    usage = Usage(duration_s=1, cpu_s=1, peak_memory_bytes=1)
    trained = TrainOutputs(
        command=("python",), metrics={}, points=0, model=(FILE,), artifacts=(), log=FILE, usage=usage
    )
    answered(platform, "train", trained)
    answered(platform, "register", RegisterOutputs(name="churn", version=3, digest=digest, status="candidate"))

    told = {stage: lineage(platform, stage, model=PinnedModel(name="churn")) for stage in ("train", "register")}

    (read,), (made,) = told["train"].inputs, told["train"].outputs
    assert (read.name, read.facets["version"].datasetVersion) == ("snapshots/churn/train", digest)
    assert [(field.name, field.type) for field in read.facets["schema"].fields] == [("user_id", "int64")]
    assert (made.name, made.outputFacets["outputStatistics"].size) == ("models/churn", 90)
    (registered,) = told["register"].outputs
    assert (registered.namespace, registered.name) == (made.namespace, made.name)
    assert registered.facets["version"].datasetVersion == "3"


def test_what_keeps_lineage_from_being_told_does_not_fail_the_stage(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    import verbatim_operators.open_lineage

    def broken(*_: object) -> None:
        raise UserFault("no")

    monkeypatch.setattr(verbatim_operators.open_lineage, "lineage_of", broken)
    assert execute(StageOperator(task_id="extract", stage="extract")).get_openlineage_facets_on_complete(None) is None
    assert platform.catalog.source_names()


WITHOUT_THE_PROVIDER = """
import sys
from importlib.abc import MetaPathFinder

class Blocker(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith(("openlineage", "airflow.providers.openlineage.")) and not name.endswith("provider_info"):
            raise ModuleNotFoundError(f"no {name} here", name=name)

sys.meta_path.insert(0, Blocker())
from types import SimpleNamespace
from verbatim_operators.stage_operator import StageOperator
task = StageOperator(task_id="extract", stage="extract")
pinned = {"run_id": sys.argv[1], "spec_digest": "0", "engine": "process"}
done = task.execute({"ti": SimpleNamespace(xcom_pull=lambda task_ids: pinned, try_number=1)})
assert done["stage"] == "extract"
assert task.get_openlineage_facets_on_complete(None) is None
assert not [name for name in sys.modules if name.startswith("openlineage")]
"""


def test_a_site_without_the_provider_runs_its_stages_all_the_same(platform: Platform) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_PROVIDER, RUN_ID], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert platform.catalog.source_names()


def test_parsing_a_stage_loads_nothing_of_openlineage() -> None:
    code = (
        "import sys, verbatim_operators.stage_operator\n"
        "print([name for name in sys.modules if name.startswith(('openlineage', 'verbatim_operators.open_lineage'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
