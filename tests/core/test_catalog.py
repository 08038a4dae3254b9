from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import verbatim.catalog
from verbatim.catalog import Catalog, ExtractionRow
from verbatim.catalog.tables import HEAD, metadata
from verbatim.errors import NotFound, PlatformFault, UserFault

DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64
MOMENT = datetime(2026, 11, 20, 4, 20, 10, tzinfo=UTC)
AT_FIRST_EXPERIMENT = "INSERT INTO experiments (name, created_at) VALUES ('churn', '2026-11-20 04:20:10')"
AT_FIRST_RUN = """
INSERT INTO runs (run_id, experiment, status, engine, actor, origin, created_at)
VALUES ('churn-1', 'churn', 'running', 'docker', 'ada', '{}', '2026-11-20 04:20:10')
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that nobody has used, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/deep/catalog.db"
    server = sqlalchemy.make_url(request.getfixturevalue("postgresql"))
    name = tmp_path.name.replace("-", "_").lower()
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f'CREATE DATABASE "{name}"'))
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def catalog(url: str) -> Catalog:
    opened = Catalog(url)
    opened.migrate()
    return opened


def start(catalog: Catalog, run_id: str = "churn-1", experiment: str = "churn") -> str:
    catalog.start_run(run_id, experiment, actor="ada", origin={"dag_id": "train"}, engine="docker")
    return run_id


def registered(catalog: Catalog, run_id: str, status: str = "candidate") -> int:
    version = catalog.allot_version("churn", start(catalog, run_id))
    catalog.commit_version("churn", version, digest=DIGEST, status=status)
    return version


def test_a_started_run_is_running(catalog: Catalog) -> None:
    start(catalog)
    row = catalog.run("churn-1")
    assert (row.status, row.experiment, row.actor, row.engine) == ("running", "churn", "ada", "docker")
    assert row.origin == {"dag_id": "train"}
    assert row.created_at.utcoffset().total_seconds() == 0
    assert row.finished_at is None


def test_a_pin_that_is_tried_again_makes_the_run_run_again(catalog: Catalog) -> None:
    start(catalog)
    catalog.update_run("churn-1", status="failed", error="store unreachable")
    assert catalog.run("churn-1").finished_at is not None
    start(catalog)
    row = catalog.run("churn-1")
    assert (row.status, row.error, row.finished_at) == ("running", None, None)
    assert len(catalog.runs()) == 1


def test_an_update_leaves_what_is_not_given(catalog: Catalog) -> None:
    start(catalog)
    catalog.update_run("churn-1", spec_digest=DIGEST)
    catalog.update_run("churn-1", stage="train")
    row = catalog.run("churn-1")
    assert (row.status, row.stage, row.spec_digest) == ("running", "train", DIGEST)


def test_a_run_that_airflow_ended_is_closed_once(catalog: Catalog) -> None:
    catalog.start_run(
        "churn-1", "churn", actor="ada", origin={"dag_id": "train", "airflow_run_id": "m1"}, engine="docker"
    )
    assert catalog.close_run("train", "another") is None
    assert catalog.close_run("train", "m1") == "churn-1"
    row = catalog.run("churn-1")
    assert (row.status, row.error) == ("cancelled", "the run was ended in Airflow before its stages were")
    assert row.finished_at is not None
    assert catalog.close_run("train", "m1") is None, "what has ended stays as it is"


def test_a_run_that_is_not_there_is_not_found(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match="no run 'nope'"):
        catalog.run("nope")
    with pytest.raises(NotFound, match="no run 'nope'"):
        catalog.update_run("nope", stage="train")
    with pytest.raises(NotFound, match="no run 'nope'"):
        catalog.allot_version("churn", "nope")


def test_runs_come_newest_first_and_by_experiment(catalog: Catalog) -> None:
    for number in range(3):
        start(catalog, f"churn-{number}")
    start(catalog, "fraud-1", "fraud")
    assert [row.run_id for row in catalog.runs()] == ["fraud-1", "churn-2", "churn-1", "churn-0"]
    assert [row.run_id for row in catalog.runs("churn", limit=2)] == ["churn-2", "churn-1"]


def test_a_run_that_asks_again_gets_the_same_version(catalog: Catalog) -> None:
    first, second = start(catalog, "churn-1"), start(catalog, "churn-2")
    assert [catalog.allot_version("churn", run) for run in (first, second, first, second)] == [1, 2, 1, 2]
    assert catalog.allot_version("other", first) == 1


def test_a_version_shows_only_when_it_is_committed(catalog: Catalog) -> None:
    version = catalog.allot_version("churn", start(catalog))
    assert catalog.versions("churn") == []
    catalog.commit_version("churn", version, digest=DIGEST, status="candidate")
    catalog.commit_version("churn", version, digest=DIGEST, status="candidate")
    (row,) = catalog.versions("churn")
    assert (row.version, row.status, row.digest, row.run_id) == (1, "candidate", DIGEST, "churn-1")


def test_a_committed_version_never_changes(catalog: Catalog) -> None:
    version = registered(catalog, "churn-1")
    with pytest.raises(PlatformFault, match="never changes"):
        catalog.commit_version("churn", version, digest=OTHER_DIGEST, status="candidate")
    with pytest.raises(PlatformFault, match="never changes"):
        catalog.commit_version("churn", version, digest=DIGEST, status="rejected")
    with pytest.raises(NotFound, match="never allotted"):
        catalog.commit_version("churn", 7, digest=DIGEST, status="candidate")


def test_a_selector_names_a_version(catalog: Catalog) -> None:
    registered(catalog, "churn-1")
    registered(catalog, "churn-2")
    registered(catalog, "churn-3", "rejected")
    catalog.set_alias("churn", "champion", 1, actor="ada", reason="best")
    assert catalog.resolve("churn").version == 2
    assert catalog.resolve("churn", "3").status == "rejected"
    assert catalog.resolve("churn", "@champion").version == 1
    for selector, there in (("9", "3, 2, 1"), ("@challenger", "@champion"), ("v1", "3, 2, 1")):
        with pytest.raises(NotFound, match=f"there are: {there}"):
            catalog.resolve("churn", selector)
    with pytest.raises(NotFound, match="no model 'fraud'"):
        catalog.resolve("fraud")


def test_a_model_of_rejected_versions_has_no_latest_candidate(catalog: Catalog) -> None:
    registered(catalog, "churn-1", "rejected")
    with pytest.raises(NotFound, match="no candidate"):
        catalog.resolve("churn")


def test_an_alias_moves_and_the_audit_tells_who_moved_it(catalog: Catalog) -> None:
    first, second = registered(catalog, "churn-1"), registered(catalog, "churn-2")
    catalog.set_alias("churn", "champion", first, actor="ada", reason="first")
    catalog.set_alias("churn", "champion", second, actor="bob", reason="better")
    assert catalog.aliases("churn") == {"champion": 2}
    newest, oldest = catalog.audit()
    assert (newest.actor, newest.action, newest.subject) == ("bob", "set_alias", "churn")
    assert newest.details == {"alias": "champion", "version": 2, "before": 1, "digest": DIGEST, "reason": "better"}
    assert oldest.details["before"] is None


def test_a_rejected_version_never_gets_an_alias(catalog: Catalog) -> None:
    version = registered(catalog, "churn-1", "rejected")
    with pytest.raises(UserFault, match="rejected; only a candidate"):
        catalog.set_alias("churn", "champion", version, actor="ada", reason="please")
    with pytest.raises(NotFound, match="no version 9"):
        catalog.set_alias("churn", "champion", 9, actor="ada", reason="please")
    assert catalog.aliases("churn") == {}
    assert catalog.audit() == []


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"])
def test_the_database_itself_keeps_the_audit_append_only(catalog: Catalog, url: str, statement: str) -> None:
    extracted(catalog, "churn-1", "lake.events")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection, pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
        connection.execute(sqlalchemy.text(statement))
    assert catalog.audit()[0].details == {"try_number": 1}


TWENTY_AT_ONCE = """
import multiprocessing, sys
from verbatim.catalog import Catalog, ExtractionRow

def allot(number):
    ready.wait()
    catalog = Catalog(sys.argv[1])
    catalog.migrate()
    catalog.start_run(f"churn-{number}", "churn", actor="ada", origin={}, engine="docker")
    return catalog.allot_version("churn", f"churn-{number}")

context = multiprocessing.get_context("fork")
ready = context.Barrier(20)
with context.Pool(20) as pool:
    print(*pool.map(allot, range(20), chunksize=1))
"""


def test_twenty_processes_at_once_migrate_and_get_distinct_consecutive_versions(url: str) -> None:
    done = subprocess.run([sys.executable, "-c", TWENTY_AT_ONCE, url], check=True, capture_output=True, text=True)
    assert sorted(map(int, done.stdout.split())) == list(range(1, 21))


def test_the_migrations_make_the_tables_that_the_code_uses(catalog: Catalog, url: str) -> None:
    catalog.migrate()
    with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    config = Config()
    config.set_main_option("script_location", "verbatim.catalog:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_catalog_that_does_not_answer_is_a_platform_fault_without_the_password() -> None:
    catalog = Catalog("postgresql+psycopg2://verbatim:geheim@127.0.0.1:1/x?application_name=geheim2")
    for call in (catalog.migrate, catalog.runs, lambda: start(catalog)):
        with pytest.raises(PlatformFault, match=r"127\.0\.0\.1:1/x does not answer") as raised:
            call()
        assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("url", ["no url at all", "mysteries://x", "sqlite:////proc/nowhere/catalog.db"])
def test_a_catalog_that_cannot_be_opened_is_a_platform_fault(url: str) -> None:
    with pytest.raises(PlatformFault, match="catalog"):
        Catalog(url).migrate()


def test_importing_the_catalog_does_not_load_alembic() -> None:
    code = f"import sys, {verbatim.catalog.__name__}; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def extracted(catalog: Catalog, run_id: str, *sources: str, try_number: int = 1, snapshot: str = DIGEST) -> None:
    if run_id not in {row.run_id for row in catalog.runs()}:
        start(catalog, run_id)
    row = ExtractionRow(
        run_id=run_id, channel="train", try_number=try_number, snapshot=snapshot, document=OTHER_DIGEST, kind="hive",
        connection="lake", sources=sources, as_of=MOMENT, rows=7, files=1, bytes=90, reused=False, at=MOMENT,
    )  # fmt: skip
    catalog.book_extraction(row, actor="ada", details={"try_number": try_number})


def found(catalog: Catalog, name: str) -> list[str]:
    return [row.run_id for row in catalog.extractions_from(name)]


def test_an_extraction_is_entered_and_audited_once_however_often_it_is_booked(catalog: Catalog) -> None:
    for _ in range(3):
        extracted(catalog, "churn-1", "lake.events")
    (row,) = catalog.extractions_from("lake.events")
    assert (row.snapshot, row.connection, row.sources, row.rows, row.as_of) == (
        DIGEST, "lake", ["lake.events"], 7, MOMENT,
    )  # fmt: skip
    assert [(entry.action, entry.subject) for entry in catalog.audit()] == [("extract", "churn-1")]


def test_a_later_try_takes_the_place_of_an_earlier_one_and_both_are_audited(catalog: Catalog) -> None:
    extracted(catalog, "churn-1", "lake.events")
    extracted(catalog, "churn-1", "lake.clicks", try_number=2, snapshot=OTHER_DIGEST)
    extracted(catalog, "churn-1", "lake.events")
    (row,) = catalog.extractions_from("lake.clicks")
    assert (row.try_number, row.snapshot) == (2, OTHER_DIGEST)
    assert (found(catalog, "lake.events"), found(catalog, "lake.clicks")) == ([], ["churn-1"])
    assert [entry.details["try_number"] for entry in catalog.audit()] == [2, 1]


def test_a_try_that_extracted_nothing_is_audited_once(catalog: Catalog) -> None:
    start(catalog)
    for try_number in (1, 1, 2):
        catalog.book_failed_extraction("churn-1", try_number, actor="ada", details={"message": "no such table"})
    entries = catalog.audit(subject="churn-1")
    assert [(entry.action, entry.details["try_number"]) for entry in entries] == [
        ("extract_failed", 2),
        ("extract_failed", 1),
    ]
    assert catalog.audit(subject="another") == []


@pytest.mark.parametrize("name", ["lake.events", "events", "LAKE.Events", "`lake`.`events`", ' "lake"."events" '])
def test_a_table_is_found_however_it_is_spelled(catalog: Catalog, name: str) -> None:
    extracted(catalog, "churn-1", "Lake.events", "lake.users")
    extracted(catalog, "churn-2", "lake.past_events")
    assert found(catalog, name) == ["churn-1"]


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("s3://lake/churn/", ["churn-1"]),
        ("s3://lake/churn", ["churn-1"]),
        ("s3://lake/churn/2026/part-1.csv", ["churn-1"]),
        ("s3://lake/", ["churn-1", "churn-2"]),
        ("s3://lake", ["churn-1", "churn-2"]),
        ("s3://lake/chu", []),
        ("s3://lake/Churn/", []),
        ("s3://other/", []),
    ],
)
def test_a_place_finds_what_was_read_there_in_it_and_around_it(catalog: Catalog, name: str, runs: list[str]) -> None:
    extracted(catalog, "churn-1", "s3://lake/churn/")
    extracted(catalog, "churn-2", "s3://lake/fraud/rows.csv")
    assert found(catalog, name) == runs


def test_a_snapshot_is_found_by_the_beginning_of_its_digest(catalog: Catalog) -> None:
    extracted(catalog, "churn-1", "lake.events")
    extracted(catalog, "churn-2", "lake.events", snapshot="ab" * 32)
    assert [row.run_id for row in catalog.extractions_into(DIGEST)] == ["churn-1"]
    assert [row.run_id for row in catalog.extractions_into("a")] == ["churn-1", "churn-2"]
    assert [row.run_id for row in catalog.extractions_into("abab")] == ["churn-2"]
    assert catalog.extractions_into("c") == []
    assert catalog.source_names() == ["lake.events"]


def test_runs_that_went_on_from_each_other_are_found_through_all_of_them(catalog: Catalog) -> None:
    for run_id, before in {"churn-1": None, "churn-2": "churn-1", "churn-3": "churn-2", "fraud-1": None}.items():
        start(catalog, run_id)
        catalog.update_run(run_id, resumed_from=before)
    assert [row.run_id for row in catalog.runs_after(["churn-1"])] == ["churn-2", "churn-3"]
    assert catalog.runs_after(["churn-3", "fraud-1"]) == []


def test_versions_are_found_by_the_runs_that_made_them(catalog: Catalog) -> None:
    for run_id in ("churn-1", "churn-2", "churn-3"):
        registered(catalog, run_id)
    assert [row.version for row in catalog.versions_of_runs(["churn-3", "churn-1", "nope"])] == [1, 3]


def test_a_catalog_of_the_first_form_is_brought_up_with_all_that_is_in_it(url: str) -> None:
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir()
    with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "verbatim.catalog:migrations")
        command.upgrade(config, "0001")
        connection.execute(sqlalchemy.text(AT_FIRST_EXPERIMENT))
        connection.execute(sqlalchemy.text(AT_FIRST_RUN))
    catalog = Catalog(url)
    catalog.migrate()
    assert [(row.run_id, row.resumed_from) for row in catalog.runs()] == [("churn-1", None)]
    extracted(catalog, "churn-1", "lake.events")
    assert found(catalog, "events") == ["churn-1"]
