"""Paths in conf files are seen from the file; and how numbers, sizes and curves are spelled."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbatim.connections import Connection
from verbatim.errors import PlatformFault, UserFault
from verbatim_cli.conf import read_conf, with_absolute_paths
from verbatim_cli.connections import own_connections, read_connection
from verbatim_cli.console import human_duration, human_size, sparkline

if TYPE_CHECKING:
    from platform_fixture import Commands

BASE = Path("/home/me/churn")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (".", "/home/me/churn"),
        ("./code", "/home/me/churn/code"),
        ("../other", "/home/me/other"),
        ("/srv/code", "/srv/code"),
        ("https://git.example/team/churn.git", "https://git.example/team/churn.git"),
        ("git@git.example:team/churn.git", "git@git.example:team/churn.git"),
        ("file:///srv/repo", "file:///srv/repo"),
        ("s3://code/churn.zip", "s3://code/churn.zip"),
        ("../churn.tar.gz", "/home/me/churn.tar.gz"),
        ("notebooks/fit.ipynb", "/home/me/churn/notebooks/fit.ipynb"),
    ],
)
def test_code_is_seen_from_the_conf(given: str, expected: str) -> None:
    assert with_absolute_paths({"code": given}, BASE)["code"] == expected
    assert with_absolute_paths({"code": {"url": given}}, BASE)["code"] == {"url": expected}


def test_data_and_destination_are_seen_from_the_conf_and_keep_their_slash() -> None:
    conf = {
        "data": {"train": {"file": {"uri": "./lake/"}}, "test": {"s3": {"uri": "s3://lake/test/", "connection": "c"}}},
        "model": {"destination": "models/"},
    }

    resolved = with_absolute_paths(conf, BASE)

    assert resolved["data"]["train"]["file"]["uri"] == "file:///home/me/churn/lake/"
    assert resolved["data"]["test"] == conf["data"]["test"]
    assert resolved["model"]["destination"] == "file:///home/me/churn/models/"


@pytest.mark.parametrize(
    "conf", [{"code": 5}, {"data": []}, {"data": {"train": None}}, {"model": None}, {"code": {"url": []}}]
)
def test_what_has_the_wrong_type_is_left_for_the_conf_check(conf: dict) -> None:
    assert with_absolute_paths(conf, BASE) == conf


def test_a_conf_file_is_read_from_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "conf.json").write_text(json.dumps({"code": "."}))

    assert read_conf(tmp_path / "conf.json") == {"code": str(tmp_path)}


def test_a_curve_shows_its_course_and_leaves_gaps() -> None:
    assert sparkline([0, 1, 2, 3]) == "▁▃▆█"
    assert sparkline([1, math.nan, 1]) == "▄ ▄"
    assert sparkline([math.nan]) == ""
    assert len(sparkline(list(range(1000)))) == 40


def test_sizes_and_durations_are_for_people() -> None:
    assert [human_size(size) for size in (None, 5, 3_400, 2_500_000)] == ["-", "5 B", "3.4 kB", "2.5 MB"]
    assert [human_duration(seconds) for seconds in (None, 4.21, 75, 3780)] == ["-", "4.2 s", "1 min 15 s", "1 h 03 min"]


@pytest.mark.parametrize(
    ("value", "connection"),
    [
        ('{"conn_type": "git", "login": "ada", "password": "p@/", "extra": "{\\"a\\": 1}"}',
         Connection("team", "git", "ada", "p@/", {"a": 1})),
        ('{"password": "x", "extra": {"private_key": "k"}}', Connection("team", "generic", None, "x", {"private_key": "k"})),
        ("https://ada:p%40%2F@git.example/?known_hosts=h", Connection("team", "https", "ada", "p@/", {"known_hosts": "h"}, "git.example")),
        ('{"conn_type": "git", "password": "x", "host": "git.example", "port": "8443"}',
         Connection("team", "git", None, "x", {}, "git.example", 8443)),
        ("aws://id:key@/?__extra__=%7B%22region_name%22%3A%22eu%22%7D", Connection("team", "aws", "id", "key", {"region_name": "eu"})),
    ],
)  # fmt: skip
def test_a_connection_is_read_from_this_shell(
    value: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", value)
    assert "team" in own_connections()
    assert read_connection("team") == connection


def test_a_connection_that_this_shell_does_not_have_says_how_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlatformFault, match="AIRFLOW_CONN_TEAM"):
        read_connection("team")
    monkeypatch.setenv("AIRFLOW_CONN_TEAM", "{canary")
    with pytest.raises(UserFault) as raised:
        read_connection("team")
    assert "canary" not in str(raised.value)


def test_a_run_without_airflow_refuses_to_wait(offline: Commands, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "conf.json").write_text(
        json.dumps({"wait_for": [{"s3": {"uri": "s3://lake/_SUCCESS", "connection": "s3_lake"}}]})
    )
    done = offline.run("run", str(tmp_path), "--conf", str(tmp_path / "conf.json"))
    assert done.returncode == 65, done.stderr
    assert "s3://lake/_SUCCESS" in done.stderr
    assert "verbatim submit" in done.stderr


def test_a_run_whose_connection_is_of_another_type_ends_as_failed(
    offline: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text("")
    source = {"s3": {"uri": "s3://lake/churn/", "connection": "web"}}
    (tmp_path / "conf.json").write_text(json.dumps({"data": {"train": source}}))
    monkeypatch.setenv("AIRFLOW_CONN_WEB", "http://ada:canary@web.example")

    record = offline("run", str(tmp_path), "--conf", str(tmp_path / "conf.json"), "--json", expect=65)

    assert record["status"] == "failed"
    assert record["error"].startswith("data.train.s3.connection: expected a connection of type aws")
    assert "canary" not in json.dumps(record)
