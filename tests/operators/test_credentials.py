from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import obstore
import pytest

from verbatim.connections import login_of
from verbatim.errors import PlatformFault, UserFault
from verbatim.settings import Connections
from verbatim.store import open_object_store
from verbatim_operators.credentials import read_connection, secrets_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import S3Server

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest

    MakeRequest = Callable[..., StageRequest]

DATA = {"train": {"s3": {"connection": "lake", "uri": "s3://lake/train/"}}}
MODEL = {"destination": "s3://models/churn/", "connection": "models"}


@pytest.fixture
def allowing(settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch) -> PlatformSettings:
    """Settings that allow two connections, which Airflow has."""
    extra = "?endpoint_url=http%3A%2F%2Fs3.example%3A9000&region_name=eu-central-1"
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", f"aws://reader:hush@/{extra}")
    monkeypatch.setenv("AIRFLOW_CONN_MODELS", "aws://writer:hush-too@/")
    monkeypatch.setenv("AIRFLOW_CONN_WEB", "http://reader:hush@web.example")
    return settings.model_copy(
        update={"connections": Connections(data=("lake", "web", "absent"), destinations=("models",))}
    )


def test_extract_is_handed_the_datas_connections_alone(allowing: PlatformSettings, make_request: MakeRequest) -> None:
    secrets = secrets_for(make_request("extract", data=DATA, model=MODEL), allowing)
    assert list(secrets.connections) == ["lake"]
    lake = secrets.connections["lake"]
    assert lake.keys() == {"access_key_id": "reader", "secret_access_key": "hush", "token": None}
    assert (lake.region, lake.endpoint_of("bucket")) == ("eu-central-1", "http://s3.example:9000")


def test_register_is_handed_the_destinations_connection_alone(
    allowing: PlatformSettings, make_request: MakeRequest
) -> None:
    assert list(secrets_for(make_request("register", data=DATA, model=MODEL), allowing).connections) == ["models"]


@pytest.mark.parametrize("stage", ["prepare", "validate", "train", "evaluate"])
def test_the_other_stages_are_handed_nothing(stage: str, allowing: PlatformSettings, make_request: MakeRequest) -> None:
    assert secrets_for(make_request(stage, data=DATA, model=MODEL), allowing).connections == {}


def test_a_connection_that_is_not_allowed_is_never_read(settings: PlatformSettings, make_request: MakeRequest) -> None:
    with pytest.raises(UserFault, match=r"platform\.yaml"):
        secrets_for(make_request("extract", data=DATA), settings)


def test_a_connection_that_is_not_there_is_the_platforms_fault(
    allowing: PlatformSettings, make_request: MakeRequest
) -> None:
    data: dict[str, Any] = {"train": {"s3": {"connection": "absent", "uri": "s3://lake/train/"}}}
    with pytest.raises(PlatformFault, match="no connection 'absent'"):
        secrets_for(make_request("extract", data=data), allowing)


@pytest.mark.parametrize(
    ("kind", "source", "says"),
    [
        ("s3", {"connection": "web", "uri": "s3://lake/train/"}, "of type aws; 'web' is of type 'http'"),
        ("hive", {"connection": "lake", "query": "SELECT 1"}, "of type hiveserver2; 'lake' is of type 'aws'"),
    ],
)
def test_a_connection_of_another_type_than_the_sources_is_the_confs_fault(
    kind: str, source: dict[str, Any], says: str, allowing: PlatformSettings, make_request: MakeRequest
) -> None:
    with pytest.raises(UserFault, match=says) as raised:
        secrets_for(make_request("extract", data={"train": {kind: source}}), allowing)
    assert raised.value.field == f"data.train.{kind}.connection"


def test_a_directory_that_became_a_link_since_it_was_pinned_is_not_read(
    settings: PlatformSettings, make_request: MakeRequest, tmp_path: Path
) -> None:
    (tmp_path / "lake" / "churn").mkdir(parents=True)
    files = settings.files.model_copy(update={"read": (str(tmp_path / "lake"),)})
    settings = settings.model_copy(update={"files": files})
    request = make_request("extract", data={"train": {"file": {"uri": f"file://{tmp_path}/lake/churn/"}}})
    secrets_for(request, settings)
    (tmp_path / "lake" / "churn").rmdir()
    (tmp_path / "lake" / "churn").symlink_to("/etc")
    with pytest.raises(UserFault, match="leads out") as raised:
        secrets_for(request, settings)
    assert raised.value.field == "data.train.file.uri"


INDEXES = {"indexes": [{"url": "https://pypi.example/simple/", "connection": "pypi"}]}


@pytest.fixture
def with_logins(settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch) -> PlatformSettings:
    """Settings that allow a git server's connection and an index's, which Airflow has."""
    team = {"conn_type": "git", "login": "ada", "password": "hush", "extra": {"private_key": "a\nkey"}}
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", json.dumps(team))
    monkeypatch.setenv("AIRFLOW_CONN_PYPI", "http://ada:hush-too@pypi.example")
    return settings.model_copy(update={"connections": Connections(code=("team",), indexes=("pypi",))})


@pytest.mark.parametrize(
    ("stage", "logins"),
    [("prepare", {"team", "pypi"}), ("validate", {"team"}), ("train", {"pypi"}), ("evaluate", {"pypi"}),
     ("extract", set()), ("register", set())],
)  # fmt: skip
def test_logins_go_to_the_stages_that_fetch_code_or_packages(
    stage: str, logins: set[str], with_logins: PlatformSettings, make_request: MakeRequest
) -> None:
    request = make_request(stage, environment=INDEXES)
    code = request.spec.code.model_copy(update={"connection": "team"})
    request = request.model_copy(update={"spec": request.spec.model_copy(update={"code": code})})
    assert set(secrets_for(request, with_logins).logins) == logins


def test_a_login_is_not_handed_over_for_another_server(
    with_logins: PlatformSettings, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PYPI", "http://ada:hush-too@elsewhere.example")
    with pytest.raises(UserFault, match=r"is for elsewhere\.example, and https://pypi\.example/simple/ is elsewhere"):
        secrets_for(make_request("train", environment=INDEXES), with_logins)


def test_a_login_is_read_with_its_key(with_logins: PlatformSettings) -> None:
    login = login_of(read_connection("team"))
    assert (login.username, login.password.get_secret_value()) == ("ada", "hush")
    assert login.private_key.get_secret_value() == "a\nkey\n"


def test_what_is_read_is_masked_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr("verbatim_operators.credentials.mask_secret", masked.append)
    fields = {"conn_type": "git", "login": "ada", "password": "hu/sh", "extra": {"private_key": "-----BEGIN\nabc\ndef"}}
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", json.dumps(fields))
    read_connection("team")
    assert {"hu/sh", "hu%2Fsh", "YWRhOmh1L3No", "abc", "def"} <= set(masked)
    assert not {"", "ada", "-----BEGIN"} & set(masked)


ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def in_role(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is for a role; the server is S3 and STS in one."""
    extra = {
        "role_arn": ROLE,
        "region_name": "us-east-1",
        "service_config": {service: {"endpoint_url": s3_server.endpoint_url} for service in ("s3", "sts")},
    }
    fields = {"conn_type": "aws", "login": s3_server.access_key, "password": s3_server.secret_key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(fields))


@pytest.mark.s3
def test_a_stage_is_handed_the_short_lived_keys_of_a_role_and_not_those_that_ask_for_it(
    settings: PlatformSettings, make_request: MakeRequest, in_role: None, s3_server: S3Server
) -> None:
    allowing = settings.model_copy(update={"connections": Connections(data=("lake",))})
    lake = secrets_for(make_request("extract", data=DATA), allowing).connections["lake"]
    keys = lake.keys()
    assert keys["access_key_id"].startswith("ASIA")
    assert keys["token"]
    assert s3_server.secret_key not in keys.values()
    assert lake.endpoint_url == s3_server.endpoint_url


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker without any identity in AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


def test_a_connection_that_names_nothing_is_the_workers_own_identity(
    monkeypatch: pytest.MonkeyPatch, alone: None
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "aws://")
    with pytest.raises(PlatformFault, match="the connection 'lake' gives no keys: it names none"):
        read_connection("lake")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "worker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    connection = read_connection("lake")
    assert (connection.login, connection.password) == ("worker", "hush")


def test_a_profile_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch, alone: None) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "aws", "extra": {"profile_name": "team"}}))
    with pytest.raises(PlatformFault, match=r"ProfileNotFound: .*\(team\)"):
        read_connection("lake")


def test_the_keys_of_a_connection_are_not_mixed_with_a_token_of_the_machine(
    allowing: PlatformSettings, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-machine")
    lake = secrets_for(make_request("extract", data=DATA), allowing).connections["lake"]
    objects = open_object_store("s3://bucket", lake)
    assert "of-the-machine" not in obstore.sign(objects, "GET", "key", timedelta(seconds=60))
