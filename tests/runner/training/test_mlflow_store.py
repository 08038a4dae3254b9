"""What is read of MLflow's stores, in the layouts that MLflow 2.22 and 3 leave."""

from __future__ import annotations

import math
import sqlite3
import struct
from contextlib import closing

import pytest

from verbatim_runner.metrics.finder import Finder
from verbatim_runner.mlflow_store import MlflowReader

START_S = 1_700_000_000
START_MS = START_S * 1000
# As SQLAlchemy makes them for MLflow: the columns that are read, and a few beside them.
SCHEMA = """
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), start_time BIGINT, artifact_uri VARCHAR(200));
CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32), step BIGINT, is_nan BOOLEAN,
    PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
CREATE TABLE tags (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
"""
LOGGED_MODELS = """
CREATE TABLE logged_models (model_id VARCHAR(36), name VARCHAR(500), artifact_location VARCHAR(1000),
    creation_timestamp_ms BIGINT, source_run_id VARCHAR(32));
"""


class FileStore:
    """A store of MLflow's in ``mlruns``."""

    def __init__(self, project):
        self.project = project
        self.directory = project / "mlruns" / "553010918120756168"

    def run(self, run, name, *, parent=None, started=START_MS, metrics=None, params=None, tags=None):
        directory = self.directory / run
        for part in ("metrics", "params", "tags", "artifacts"):
            (directory / part).mkdir(parents=True)
        uri = (directory / "artifacts").as_uri()
        (directory / "meta.yaml").write_text(
            f"artifact_uri: {uri}\nlifecycle_stage: active\nrun_id: {run}\nrun_name: {name}\nrun_uuid: {run}\n"
            f"start_time: {started}\nstatus: 3\ntags: []\n"
        )
        own = {"mlflow.user": "root", **({"mlflow.parentRunId": parent} if parent else {})}
        for part, values in (("params", params or {}), ("tags", {**own, **(tags or {})})):
            for key, value in values.items():
                (directory / part / key).write_text(value)
        for key, lines in (metrics or {}).items():
            self.log(run, key, *lines)
        return directory

    def log(self, run, key, *lines):
        path = self.directory / run / "metrics" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def model(self, directory):
        directory.mkdir(parents=True)
        (directory / "MLmodel").write_text("flavors: {}\n")
        (directory / "model.pkl").write_text("weights")


class Database:
    """A store of MLflow's in a SQLite file."""

    def __init__(self, path, schema=SCHEMA):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.execute(schema)

    def execute(self, script):
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(script)

    def run(self, run, name, started=START_MS, artifacts=""):
        self.execute(f"INSERT INTO runs VALUES ('{run}', '{name}', {started}, '{artifacts}')")

    def log(self, run, key, value, step=0, is_nan=0):
        self.execute(f"INSERT INTO metrics VALUES ('{key}', {value}, {START_MS + step}, '{run}', {step}, {is_nan})")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def reader(tmp_path):
    return Following(tmp_path)


class Following:
    """A reader that looks before it reads."""

    def __init__(self, root):
        self.root = root
        self.finder = Finder(root, ["source"], [])
        self.reader = MlflowReader(self.finder, START_S)

    def points(self):
        self.finder.look()
        return [(name, value, step) for name, value, step, _ in self.reader.read_rest()]

    def record(self):
        self.finder.look()
        return self.reader.record(self.root / "source", self.root)


def test_a_file_store_is_followed_with_steps_and_times(project, reader):
    store = FileStore(project)
    store.run("a1", "first", metrics={"loss": [f"{START_MS} 1.0 0"], "val/auc": [f"{START_MS} 0.5 0"]})
    assert reader.points() == [("loss", 1.0, 0), ("val/auc", 0.5, 0)]
    store.log("a1", "loss", f"{START_MS + 1500} 0.5 1", f"{START_MS} 1.0 0", "no metric", f"{START_MS} nan 2")
    (name, value, step, moment), (_, other, *_) = reader.reader.read_rest()
    assert (name, value, step, moment) == ("loss", 0.5, 1, START_S + 1.5)
    assert math.isnan(other)
    assert reader.points() == []


def test_a_database_is_followed_with_its_infinities(project, reader):
    database = Database(project / "mlflow.db")
    database.run("a1", "first")
    database.log("a1", "loss", 1.0)
    assert reader.points() == [("loss", 1.0, 0)]
    database.log("a1", "loss", 0.5, step=1)
    database.log("a1", "far", -1.7976931348623157e308)
    database.log("a1", "bad", 0.0, is_nan=1)
    (loss, far, bad) = reader.points()
    assert (loss, far) == (("loss", 0.5, 1), ("far", -math.inf, 0))
    assert math.isnan(bad[1])
    assert reader.points() == []


def test_a_database_in_its_write_ahead_log_is_read(project, reader):
    database = Database(project / "experiments.sqlite")
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"INSERT INTO runs VALUES ('a1', 'first', {START_MS}, '')")
        connection.execute(f"INSERT INTO metrics VALUES ('loss', 0.5, {START_MS}, 'a1', 1, 0)")
        connection.commit()
        assert reader.points() == [("loss", 0.5, 1)]


def test_nested_runs_and_further_runs_have_their_name_in_front(project, reader):
    store = FileStore(project)
    line = [f"{START_MS} 0.5 0"]
    store.run("a1", "search", metrics={"rmse": line}, params={"folds": "5"}, tags={"team": "x"})
    store.run("b1", "depth-5", parent="a1", started=START_MS + 1, metrics={"rmse": line}, params={"depth": "5"})
    store.run("b2", "calm-crow-42", parent="a1", started=START_MS + 2, metrics={"rmse": line, "mae": line})
    store.run("c1", "again", started=START_MS + 3, metrics={"rmse": line, "other": line})
    assert [name for name, *_ in reader.points()] == [
        "rmse",
        "depth-5/rmse",
        "run-3/mae",
        "run-3/rmse",
        "other",
        "again/rmse",
    ]
    record = reader.record()
    assert record.params == {"folds": "5", "depth-5/depth": "5"}
    assert record.tags == {"team": "x"}


def test_runs_that_came_with_the_code_are_not_the_trainings(project, reader):
    FileStore(project).run("a1", "old", started=START_MS - 60_000, metrics={"loss": [f"{START_MS} 1.0 0"]})
    database = Database(project / "mlflow.db")
    database.run("b1", "old", started=START_MS - 60_000)
    database.log("b1", "loss", 1.0)
    assert reader.points() == []
    assert reader.record().params == {}


def test_models_and_artifacts_of_mlflow_2_are_told_apart(project, reader):
    store = FileStore(project)
    directory = store.run("a1", "first")
    store.model(directory / "artifacts" / "sub" / "model")
    (directory / "artifacts" / "plot.png").write_text("image")
    (directory / "artifacts" / "link.png").symlink_to("/etc/passwd")
    record = reader.record()
    (model,) = record.models
    assert (model.name, model.path, model.run, model.nested) == (
        "sub/model", directory / "artifacts/sub/model", "a1", False,
    )  # fmt: skip
    assert record.artifacts == (("plot.png", directory / "artifacts/plot.png"),)


def test_logged_models_of_mlflow_3_come_in_the_order_of_their_logging(project, reader):
    store = FileStore(project)
    store.run("a1", "first")
    for number, (name, run) in enumerate([("late", "a1"), ("early", "b1")]):
        directory = store.directory / "models" / f"m-{number}"
        store.model(directory / "artifacts")
        (directory / "meta.yaml").write_text(
            f"artifact_location: {directory}/artifacts\ncreation_timestamp: {START_MS + 10 - number}\nmodel_id: m-{number}\n"
            f"name: {name}\nsource_run_id: {run}\n"
        )
    store.run("b1", "inner", parent="a1", started=START_MS + 1)
    assert [(model.name, model.nested) for model in reader.record().models] == [("early", True), ("late", False)]


def test_a_databases_models_are_found_by_relative_and_absolute_paths(project, reader):
    database = Database(project / "mlflow.db", SCHEMA + LOGGED_MODELS)
    database.run("a1", "first", artifacts="mlruns/1/a1/artifacts")
    (project / "mlruns/1/a1/artifacts").mkdir(parents=True)
    (project / "mlruns/1/a1/artifacts/plot.png").write_text("image")
    FileStore(project).model(project / "models/m-1/artifacts")
    database.execute(
        f"INSERT INTO logged_models VALUES ('m-1', 'churn', '{project}/models/m-1/artifacts', {START_MS}, 'a1')"
    )
    record = reader.record()
    assert [(model.name, model.path) for model in record.models] == [("churn", project / "models/m-1/artifacts")]
    assert [name for name, _ in record.artifacts] == ["plot.png"]


def test_a_store_that_names_places_outside_the_run_gives_nothing_of_them(tmp_path, project, reader):
    outside = tmp_path.parent / "outside"
    FileStore(project).model(outside)
    database = Database(project / "mlflow.db", SCHEMA + LOGGED_MODELS)
    for number, place in enumerate([outside, f"file://{outside}", "../../outside", "http://[", "s3://b/c", "x" * 5000]):
        database.run(f"a{number}", "first", artifacts=place)
        database.execute(f"INSERT INTO logged_models VALUES ('m', 'm', '{place}', {START_MS}, 'a1')")
    record = reader.record()
    assert (record.models, record.artifacts) == ((), ())


def test_a_journal_that_names_another_file_does_not_have_it_deleted(tmp_path, project, reader):
    database = Database(project / "mlflow.db")
    database.run("a1", "first")
    database.log("a1", "loss", 1.0)
    other = tmp_path / "other"
    other.write_text("precious")
    name, magic = str(other).encode(), bytes.fromhex("d9d505f920a163d7")
    header = magic + struct.pack(">IIIII", 0, 0, (project / "mlflow.db").stat().st_size // 4096, 512, 4096)
    ending = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    (project / "mlflow.db-journal").write_bytes(header.ljust(512, b"\0") + ending)
    assert reader.points() == [("loss", 1.0, 0)]
    assert other.read_text() == "precious"


def test_a_link_in_place_of_a_runs_parameters_tells_nothing_of_where_it_leads(tmp_path, project, reader):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "run-of-another").touch()
    directory = FileStore(project).run("a1", "first")
    (directory / "params").rmdir()
    (directory / "params").symlink_to(elsewhere)
    assert reader.record().params == {}


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE other (x)",
        SCHEMA.replace("CREATE TABLE metrics", "CREATE TABLE unused") + "CREATE VIEW metrics AS WITH RECURSIVE "
        "n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x AS key FROM n;",
        SCHEMA + "INSERT INTO runs VALUES (x'00', 7, 'never', 8); INSERT INTO metrics VALUES (1, 'x', 'y', x'00', 'z', 'no');"
        "INSERT INTO params VALUES (x'ff', NULL, x'00'); INSERT INTO metrics VALUES (1, 2, 'y', x'00', 'z', 0);",
    ],
    ids=["no store", "endless", "wrong types"],
)  # fmt: skip
def test_a_database_made_to_harm_does_none(project, reader, schema):
    Database(project / "mlflow.db", schema)
    assert all(isinstance(value, float) for _, value, _ in reader.points())
    assert reader.record().models == ()


@pytest.mark.parametrize(
    "meta", ["", "run_id: [", "[]", "run_id: 5\nstart_time: x", f"run_id: a\nstart_time: 1{'0' * 400}"]
)
def test_a_meta_file_made_to_harm_does_none(project, reader, meta):
    (project / "mlruns/0/a/metrics").mkdir(parents=True)
    (project / "mlruns/0/a/meta.yaml").write_text(meta)
    (project / "mlruns/0/a/metrics/loss").write_text("1\n" + "9" * 400 + " 1.0 0\n")
    (project / "broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert reader.points() == []
    assert reader.record().params == {}
