"""The same conf by hand in Airflow's form, through the REST API and through the command: the same kind of run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_api import AirflowApi
    from platform_fixture import Commands, Platform
    from playwright.sync_api import Page

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
TRAIN = (
    "import os, pathlib\npathlib.Path(os.environ['SM_MODEL_DIR'], 'model.txt').write_text('m')\nprint('score=0.9')\n"
)


@pytest.fixture
def page(platform: Platform, unavailable: Callable[..., Any]) -> Iterator[Page]:
    """A browser's page, logged in to Airflow."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        unavailable("a browser", "Chromium is not installed", "Debian: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(platform.url)
        page.fill("input[name=username]", platform.user)
        page.fill("input[name=password]", platform.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "login" not in url)
        yield page
        browser.close()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "by-hand"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    return folder


def _trigger_by_hand(page: Page, platform: Platform, api: AirflowApi, code: Path) -> str:
    before = {run["dag_run_id"] for run in api.get("dags/train/dagRuns?limit=100&order_by=-run_after")["dag_runs"]}
    page.goto(f"{platform.url}/dags/train")
    page.get_by_role("button", name="Trigger").first.click()
    page.fill("#element_code", str(code))
    page.fill("#element_experiment", "by-hand")
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    page.get_by_role("dialog").wait_for(state="detached")
    (run,) = {
        run["dag_run_id"] for run in api.get("dags/train/dagRuns?limit=100&order_by=-run_after")["dag_runs"]
    } - before
    return str(run)


def _spec(platform: Platform, run_id: str) -> dict[str, Any]:
    """Return a run's spec but for the moment that it was asked at."""
    spec = json.loads((platform.verbatim.home / "store" / "runs" / run_id / "spec.json").read_text())
    for name in ("as_of", "interval_start", "interval_end"):
        del spec[name]
    return spec


def test_form_rest_and_command_make_the_same_kind_of_run(
    page: Page, platform: Platform, api: AirflowApi, verbatim: Commands, code: Path
) -> None:
    conf = {"code": str(code), "experiment": "by-hand"}
    (code.parent / "conf.json").write_text(json.dumps(conf))

    by_hand = _trigger_by_hand(page, platform, api, code)
    by_rest = api.trigger(conf)
    by_command = verbatim("submit", str(code.parent / "conf.json"), "--wait", "--json")["run_id"]

    assert [api.wait(run) for run in (by_hand, by_rest, by_command)] == ["success"] * 3
    runs = {row["origin"]["airflow_run_id"]: row["run_id"] for row in verbatim("runs", "--json")}
    first, second, third = (_spec(platform, runs[run]) for run in (by_hand, by_rest, by_command))
    assert first == second == third
    digests = {verbatim("show", runs[run], "--json")["model"]["digest"] for run in (by_hand, by_rest, by_command)}
    assert len(digests) == 1


def test_the_form_is_in_sections_and_says_what_each_field_is_for(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/dags/train")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_text("Experiment", exact=True).wait_for()

    for section in ("Data", "Metrics and gates", "Model", "Where and how"):
        assert form.get_by_text(section, exact=True).count() >= 1, section
    assert form.get_by_text("How training starts; detected if not given", exact=False).count() == 1


def test_the_record_s_page_shows_stages_curves_and_gates(page: Page, platform: Platform, verbatim: Commands) -> None:
    example = Path(__file__).parents[2] / "examples" / "wine-lightgbm" / "conf.json"
    run = verbatim("submit", str(example), "--wait", "--json")["run_id"]

    page.goto(f"{platform.url}/verbatim/runs/{run}/page")

    assert page.get_by_role("heading", name=run).count() == 1
    assert page.locator("svg").count() >= 1
    for words in ("prepare", "succeeded", "accuracy >= 0.9", "passed", "candidate"):
        assert page.get_by_text(words).count() >= 1, words
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing runs out of the page"
