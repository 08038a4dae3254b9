"""The record's page and its JSON, behind Airflow's own login."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from verbatim.documents import now
from verbatim.metrics import MetricPoint
from verbatim.spec import BoundQuery, BoundValue
from verbatim.stage import ExtractOutputs, SnapshotRef, StageResult, SuiteResult, ValidateOutputs
from verbatim_operators.pages.curves import HEIGHT, WIDTH, curves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with")  # the test client's own business

HOSTILE = "<script>alert(1)</script>"


def points(*values: float, name: str = "loss") -> Iterator[MetricPoint]:
    return (MetricPoint(name=name, value=value, time=0, source="text") for value in values)


def test_a_curve_stays_in_its_box_and_names_its_ends() -> None:
    (curve,) = curves(points(3, 1, float("nan"), 2))
    corners = [tuple(map(float, pair.split(","))) for pair in curve.points.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners)
    assert (curve.first, curve.last, curve.low, curve.high, curve.count) == (3, 2, 1, 3, 3)


def test_a_constant_metric_is_a_flat_line_and_a_single_value_none() -> None:
    (curve,) = curves([*points(1, 1, 1), *points(5, name="once")])
    assert len({pair.split(",")[1] for pair in curve.points.split()}) == 1


def test_a_long_curve_is_thinned_and_keeps_its_last_value() -> None:
    (curve,) = curves(points(*range(50_000)))
    assert len(curve.points.split()) < 1000
    assert curve.last == 49_999


def test_a_metric_that_another_source_took_over_is_drawn_from_there_on() -> None:
    said = [("text", 9), ("text", 8), ("mlflow", 1), ("mlflow", 2)]
    (curve,) = curves(MetricPoint(name="auc", value=value, time=0.0, source=source) for source, value in said)
    assert (curve.count, curve.first, curve.high) == (2, 1, 2)


@pytest.fixture
def app(settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FastAPI:
    """The pages over a catalog that has one run, which failed."""
    from verbatim.catalog import Catalog
    from verbatim_operators.pages.app import app

    (tmp_path / "platform.yaml").write_text(f"store_url: {settings.store_url}\ncatalog_url: {settings.catalog_url}\n")
    monkeypatch.setenv("VERBATIM_CONFIG", str(tmp_path / "platform.yaml"))
    catalog = Catalog(settings.catalog_url)
    catalog.migrate()
    catalog.start_run("churn-1", "churn", actor="ada", origin={}, engine="docker")
    catalog.update_run("churn-1", status="failed", error=HOSTILE)
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A reader who may read the DAG."""
    from starlette.testclient import TestClient

    gate = app.router.dependencies[0].dependency
    app.dependency_overrides[gate] = lambda: None
    yield TestClient(app)
    app.dependency_overrides.clear()


def test_nobody_reads_a_record_without_a_login(app: FastAPI) -> None:
    from starlette.testclient import TestClient

    client = TestClient(app)
    for path in ("", "/page", "/validation", "/validation/train"):
        assert client.get(f"/runs/churn-1{path}").status_code == 401, path
    assert client.get("/runs/none").status_code == 401


def test_the_record_is_json_and_a_page(client: TestClient) -> None:
    record = client.get("/runs/churn-1").json()
    assert (record["run_id"], record["status"], record["stages"]) == ("churn-1", "failed", {})
    page = client.get("/runs/churn-1/page")
    assert "churn-1" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_what_a_run_says_is_never_markup(client: TestClient) -> None:
    page = client.get("/runs/churn-1/page").text
    assert HOSTILE not in page
    assert re.search(r"&lt;script&gt;", page)


def test_a_run_that_is_not_there_is_not_found(client: TestClient) -> None:
    answer = client.get("/runs/nobody/page")
    assert answer.status_code == 404
    assert "nobody" in answer.json()["detail"]


def test_the_page_says_where_the_data_came_from_and_marks_what_is_not_bound_to_a_time(
    client: TestClient, settings: PlatformSettings, make_request: Callable[..., StageRequest]
) -> None:
    from verbatim.catalog import Catalog
    from verbatim.store import Store, layout

    spec = make_request(data={"train": {"hive": {"connection": "lake", "query": f"SELECT '{HOSTILE}'"}}}).spec
    query = BoundQuery(
        statement=f"SELECT '{HOSTILE}' FROM lake.events",
        values={"v1": BoundValue(kind="text", text=f"ada{HOSTILE}")},
        tables=("lake.events",),
        time_bound=False,
    )
    channel = spec.data["train"].model_copy(update={"query": query})
    snapshot = SnapshotRef(digest="a" * 64, document="b" * 64, files=1, bytes=9, rows=12, moved="3 rows fewer")
    result = StageResult(
        run_id="churn-1", stage="extract", try_number=1, state="succeeded", started_at=now(), finished_at=now(),
        engine="docker", outputs=ExtractOutputs(snapshots={"train": snapshot}),
    )  # fmt: skip
    store = Store(settings.store_url)
    store.publish(layout.spec("churn-1"), spec.model_copy(update={"data": {"train": channel}}))
    store.publish(layout.stage_result("churn-1", "extract", 1), result)
    Catalog(settings.catalog_url).update_run("churn-1", spec_digest="c" * 64)

    page = client.get("/runs/churn-1/page").text

    for told in ("lake.events", "through lake", "not time-bound", "3 rows fewer", "v1 = ada&lt;", ">12<", "a" * 12):
        assert told in page, told
    assert HOSTILE not in page


@pytest.fixture
def judged(settings: PlatformSettings) -> Callable[..., None]:
    """Give the run suites' results, one page a channel."""
    from verbatim.store import Store, layout

    def call(**pages: str) -> None:
        store = Store(settings.store_url)
        results = {
            channel: SuiteResult(
                passed=True, evaluated=2, failed=(), result=store.put_bytes(b"{}", f"validation/{channel}.json"),
                data_docs=store.put_bytes(page.encode(), f"validation/{channel}.html"),
            )
            for channel, page in pages.items()
        }  # fmt: skip
        result = StageResult(
            run_id="churn-1", stage="validate", try_number=1, state="succeeded", started_at=now(), finished_at=now(),
            engine="docker", outputs=ValidateOutputs(results=results),
        )  # fmt: skip
        store.publish(layout.stage_result("churn-1", "validate", 1), result)

    return call


def test_what_the_one_suite_said_is_shown_at_once(client: TestClient, judged: Callable[..., None]) -> None:
    judged(train="<p>12 rows</p>")
    for path in ("validation", "validation/train"):
        page = client.get(f"/runs/churn-1/{path}")
        assert page.text == "<p>12 rows</p>"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert page.headers["cache-control"] == "private, no-store"


def test_the_record_s_page_links_to_what_suites_said(client: TestClient, judged: Callable[..., None]) -> None:
    assert 'href="validation"' not in client.get("/runs/churn-1/page").text
    judged(train="<p>12 rows</p>")
    assert 'href="validation"' in client.get("/runs/churn-1/page").text


def test_of_several_suites_there_is_a_list(client: TestClient, judged: Callable[..., None]) -> None:
    judged(train="<p>train</p>", test="<p>test</p>")
    page = client.get("/runs/churn-1/validation").text
    links = re.findall(r'href="([^"]+)"', page)
    assert [client.get(f"/runs/churn-1/{link}").text for link in links] == ["<p>test</p>", "<p>train</p>"]


def test_a_run_or_channel_that_no_suite_judged_is_not_found(client: TestClient, judged: Callable[..., None]) -> None:
    for path in ("nobody/validation", "churn-1/validation"):
        assert client.get(f"/runs/{path}").status_code == 404, path
    judged(train="")
    assert "judged: train" in client.get("/runs/churn-1/validation/other").json()["detail"]


def test_the_validate_task_alone_links_to_what_suites_said() -> None:
    from verbatim_operators.stage_operator import StageOperator
    from verbatim_operators.validation_link import ValidationLink

    names = {
        stage: [link.name for link in StageOperator(task_id=stage, stage=stage).operator_extra_links]
        for stage in ("validate", "train")
    }
    assert names == {"validate": ["Run record", "Validation"], "train": ["Run record"]}
    task = StageOperator(task_id="validate", stage="validate")
    assert ValidationLink().get_link(task, ti_key=None) == ""
    task.run_id = "churn-1"
    assert ValidationLink().get_link(task, ti_key=None).endswith("/verbatim/runs/churn-1/validation")
