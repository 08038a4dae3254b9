"""register: versions in the store, and destinations in files and on a real S3 server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runner.test_evaluate import finished, trained

from verbatim.documents import now, tree_digest
from verbatim.manifest import ModelVersion
from verbatim.stage import EvaluateOutputs, RegisterOutputs, S3Credentials, StageRequest, StageSecrets
from verbatim.store import layout

if TYPE_CHECKING:
    from runner.conftest import Ground


@pytest.fixture
def request_of(ground: Ground):
    """Make a request to register a model of two files."""
    model = (ground.store.put_bytes(b"config", "model.json"), ground.store.put_bytes(b"weights", "nested/model.bin"))
    train = trained({"auc": 0.9}, model)
    verdicts = {
        passed: finished(EvaluateOutputs(metrics={"auc": 0.9}, gates=(), passed=passed)) for passed in (True, False)
    }

    def make(conf: dict | None = None, *, passed: bool = True, try_number: int = 1) -> StageRequest:
        inputs = {"train": train, "evaluate": verdicts[passed]}
        return ground.request("register", conf, inputs=inputs, try_number=try_number, model_version=3)

    return make


def test_a_passing_model_becomes_a_candidate(ground, request_of):
    result = ground.run(request_of())
    assert isinstance(result.outputs, RegisterOutputs), result.error
    version = ground.store.read(layout.model("churn", 3), ModelVersion)
    assert (version.status, version.delete_after, version.run_id) == ("candidate", None, result.run_id)
    assert version.digest == tree_digest(version.files) == result.outputs.digest
    assert version.metrics["auc"].last == 0.9


def test_a_failing_model_is_kept_until_its_date_and_goes_nowhere(ground, request_of, tmp_path):
    conf = {"model": {"destination": f"file://{tmp_path}/out/"}, "retention": {"rejected": "2d"}}
    result = ground.run(request_of(conf, passed=False))
    version = ground.store.read(layout.model("churn", 3), ModelVersion)
    assert (version.status, version.destination, result.outputs.destination) == ("rejected", None, None)
    assert (version.delete_after - version.created_at).days == 2
    assert not (tmp_path / "out").exists()


def test_a_destination_gets_the_files_and_the_document(ground, request_of, tmp_path):
    conf = {"model": {"destination": f"file://{tmp_path}/out"}}
    result = ground.run(request_of(conf))
    assert result.outputs.destination == f"file://{tmp_path}/out/3/"
    there = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert there == {"3/model.json", "3/nested/model.bin", "3/verbatim.json"}
    assert ModelVersion.parse((tmp_path / "out/3/verbatim.json").read_bytes(), source="test").version == 3
    assert all(path.stat().st_mode & 0o004 for path in (tmp_path / "out", *(tmp_path / "out").rglob("*")))


def test_registering_once_more_writes_the_same(ground, request_of, tmp_path):
    conf = {"model": {"destination": f"file://{tmp_path}/out/"}}
    assert ground.run(request_of(conf)).state == "succeeded"
    (tmp_path / "out/3/verbatim.json").unlink()  # as if the first try had died before its end
    assert ground.run(request_of(conf, try_number=2)).state == "succeeded"
    assert (tmp_path / "out/3/verbatim.json").exists()


def test_an_evaluation_that_is_repeated_does_not_change_the_version(ground, request_of, tmp_path):
    conf = {"model": {"destination": f"file://{tmp_path}/out/"}}
    assert ground.run(request_of(conf)).state == "succeeded"
    published = ground.store.read(layout.model("churn", 3), ModelVersion)
    again = request_of(conf, try_number=2)
    later = again.inputs["evaluate"].model_copy(update={"finished_at": now()})
    again = again.model_copy(update={"inputs": {**again.inputs, "evaluate": later}})
    assert ground.run(again).state == "succeeded"
    assert ground.store.read(layout.model("churn", 3), ModelVersion) == published


def test_another_model_at_the_destination_is_never_overwritten(ground, request_of, tmp_path):
    (tmp_path / "out/3").mkdir(parents=True)
    (tmp_path / "out/3/model.json").write_text("somebody else's")
    result = ground.run(request_of({"model": {"destination": f"file://{tmp_path}/out/"}}))
    assert (result.error.kind, result.error.field) == ("user", "model.destination")
    assert (tmp_path / "out/3/model.json").read_text() == "somebody else's"
    assert not ground.store.exists(layout.model("churn", 3))


def test_a_model_whose_file_is_lost_is_not_registered(ground, request_of):
    request = request_of()
    lost = request.inputs["train"].outputs.model[0].sha256
    (ground.root / "store" / layout.blob(lost)).unlink()
    result = ground.run(request)
    assert result.error.kind == "platform"
    assert not ground.store.exists(layout.model("churn", 3))


def test_a_run_without_a_model_registers_nothing(ground, request_of):
    result = ground.run(request_of({"model": None}))
    assert result.outputs == RegisterOutputs(name=None, version=None)


@pytest.mark.s3
def test_an_s3_destination_gets_the_files(ground, request_of, s3_server):
    s3_server.make_bucket("models")
    credentials = S3Credentials(
        access_key_id=s3_server.access_key, secret_access_key=s3_server.secret_key, endpoint_url=s3_server.endpoint_url
    )
    secrets = StageSecrets(connections={"s3_models": credentials})
    conf = {"model": {"destination": "s3://models/churn/", "connection": "s3_models"}}
    for number in (1, 2):
        assert ground.run(request_of(conf, try_number=number), secrets).state == "succeeded"
    listed = s3_server.client().list_objects_v2(Bucket="models")["Contents"]
    assert [item["Key"] for item in listed] == [
        "churn/3/model.json",
        "churn/3/nested/model.bin",
        "churn/3/verbatim.json",
    ]


@pytest.mark.s3
def test_a_bucket_that_is_not_there_is_said(ground, request_of, s3_server):
    credentials = S3Credentials(
        access_key_id=s3_server.access_key, secret_access_key=s3_server.secret_key, endpoint_url=s3_server.endpoint_url
    )
    conf = {"model": {"destination": "s3://nosuchbucket/churn/", "connection": "s3_models"}}
    result = ground.run(request_of(conf), StageSecrets(connections={"s3_models": credentials}))
    assert (result.error.kind, result.error.field) == ("user", "model.destination")
