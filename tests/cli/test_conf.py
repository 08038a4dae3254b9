"""Paths in conf files are seen from the file; and how numbers, sizes and curves are spelled."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from verbatim_cli.conf import read_conf, with_absolute_paths
from verbatim_cli.console import human_duration, human_size, sparkline

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
