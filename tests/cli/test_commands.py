"""The ``verbatim`` command without a platform: its errors, its exit codes, its JSON, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from verbatim.catalog import Catalog

if TYPE_CHECKING:
    from pathlib import Path

    from platform_fixture import Commands


@pytest.fixture
def catalog(offline: Commands) -> Catalog:
    offline.home.mkdir()
    catalog = Catalog(f"sqlite:///{offline.home}/catalog.db")
    catalog.migrate()
    return catalog


def start_run(catalog: Catalog, run_id: str) -> str:
    catalog.start_run(run_id, run_id.rsplit("-", 2)[0], actor="test", origin={}, engine="process")
    return run_id


def write(path: Path, conf: object) -> str:
    path.write_text(conf if isinstance(conf, str) else json.dumps(conf))
    return str(path)


def test_help_loads_no_more_than_it_prints() -> None:
    code = (
        "import sys\nfrom verbatim_cli.main import main\nsys.argv = ['verbatim', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('sqlalchemy', 'alembic', 'obstore', 'yaml', 'httpx')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_command_never_loads_airflow_or_the_runner() -> None:
    code = (
        "import sys, verbatim_cli.main, verbatim_cli.embedded.platform, verbatim_cli.local_run, verbatim_cli.progress\n"
        "print([name for name in ('airflow', 'verbatim_runner', 'pandas', 'django', 'docker') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_every_command_has_a_help(offline: Commands) -> None:
    for command in [
        "up",
        "down",
        "status",
        "submit",
        "run",
        "inspect",
        "runs",
        "show",
        "metrics",
        "logs",
        "artifacts",
        "lineage",
        "audit",
        "demo",
        "models",
        "download",
        "promote",
        "version",
    ]:
        assert offline.run(command, "--help").returncode == 0, command


def test_an_unknown_option_is_a_usage_error(offline: Commands) -> None:
    assert offline.run("runs", "--no-such-option").returncode == 2


def test_a_conf_with_two_problems_shows_both_before_anything_is_sent(offline: Commands, tmp_path: Path) -> None:
    conf = write(tmp_path / "conf.json", {"code": ".", "parametres": {}, "resources": {"memory": "-1g"}})

    done = offline.run("submit", conf, "--json")

    assert done.returncode == 65
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "request"
    assert {problem["field"] for problem in error["problems"]} == {"parametres", "resources.memory"}
    told = offline.run("submit", conf)
    assert (told.returncode, told.stdout) == (65, "")
    assert "The conf has 2 problems" in told.stderr


@pytest.mark.parametrize(("conf", "says"), [('{"code": ', "line 1"), ("[1]", "expected a JSON object")])
def test_a_conf_that_is_no_json_object_says_so(offline: Commands, tmp_path: Path, conf: str, says: str) -> None:
    done = offline.run("submit", write(tmp_path / "conf.json", conf))

    assert done.returncode == 65
    assert says in done.stderr


def test_a_conf_that_is_not_there_is_not_found(offline: Commands) -> None:
    assert offline.run("submit", "no/such/conf.json").returncode == 66


def test_submitting_with_no_platform_says_how_to_start_one(offline: Commands, tmp_path: Path) -> None:
    done = offline.run("submit", write(tmp_path / "conf.json", {"code": "."}))

    assert done.returncode == 75
    assert "verbatim up" in done.stderr


def test_a_platform_elsewhere_that_does_not_answer_is_a_platform_fault(offline: Commands, tmp_path: Path) -> None:
    conf = write(tmp_path / "conf.json", {"code": "."})

    done = offline.run("submit", conf, VERBATIM_URL="http://127.0.0.1:9", VERBATIM_PASSWORD="sesame")

    assert done.returncode == 75
    assert "http://127.0.0.1:9 does not answer" in done.stderr
    assert "sesame" not in done.stderr


def test_a_run_is_found_by_its_beginning_its_end_or_as_the_latest(offline: Commands, catalog: Catalog) -> None:
    first = start_run(catalog, "churn-20261120T042010-9f3c1a")
    second = start_run(catalog, "iris-20261120T042011-0b4d2e")

    for name, run_id in {first: first, "churn": first, "0b4d2e": second, "latest": second}.items():
        assert offline("show", name, "--json")["run_id"] == run_id


def test_a_name_that_fits_several_runs_lists_them(offline: Commands, catalog: Catalog) -> None:
    runs = [start_run(catalog, f"churn-20261120T04201{number}-9f3c1a") for number in range(2)]

    done = offline.run("show", "churn")

    assert done.returncode == 65
    assert all(run in done.stderr for run in runs)


@pytest.mark.parametrize(
    "command", [["show", "x"], ["logs", "x"], ["metrics", "x"], ["artifacts", "x"], ["download", "x", "d"]]
)
def test_a_run_that_is_not_there_is_not_found(offline: Commands, command: list[str]) -> None:
    done = offline.run(*command, "--json")

    assert done.returncode == 66
    assert json.loads(done.stdout)["error"]["kind"] == "not_found"


def test_runs_lists_one_experiment_newest_first(offline: Commands, catalog: Catalog) -> None:
    churn = [start_run(catalog, f"churn-20261120T04201{number}-9f3c1a") for number in range(2)]
    start_run(catalog, "iris-20261120T042011-0b4d2e")

    rows = offline("runs", "--experiment", "churn", "--json")

    assert [row["run_id"] for row in rows] == churn[::-1]
    assert datetime.fromisoformat(rows[0]["created_at"]).tzinfo == UTC


def test_a_download_never_writes_into_a_directory_with_files(offline: Commands, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")

    assert offline.run("download", "churn", str(tmp_path)).returncode == 65
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_rejected_version_is_never_promoted(offline: Commands, catalog: Catalog) -> None:
    run = start_run(catalog, "churn-20261120T042010-9f3c1a")
    for status in ("candidate", "rejected"):
        other = start_run(catalog, f"{run[:-6]}{'a' if status == 'rejected' else 'b'}00000")
        catalog.commit_version("churn", catalog.allot_version("churn", other), digest="a" * 64, status=status)

    assert offline("promote", "churn", "1", "--json")["before"] is None
    assert offline.run("promote", "churn", "2").returncode == 65
    assert catalog.aliases("churn") == {"champion": 1}


def test_the_version_names_what_is_installed(offline: Commands) -> None:
    versions = offline("version", "--json")

    assert versions["verbatim"]
    assert versions["airflow"].startswith("3.")
