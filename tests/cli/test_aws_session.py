"""AWS connections of ``verbatim run``, where there is no Airflow that would ask for their keys."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from verbatim.aws import s3_credentials_of
from verbatim.errors import PlatformFault
from verbatim_cli.connections import read_connection

if TYPE_CHECKING:
    from conftest import S3Server

ROLE = {"role_arn": "arn:aws:iam::123456789012:role/reader", "region_name": "us-east-1"}


@pytest.mark.s3
def test_a_role_is_asked_for_and_its_keys_alone_go_on(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = ROLE | {"service_config": {"sts": {"endpoint_url": s3_server.endpoint_url}}}
    fields = {"conn_type": "aws", "login": s3_server.access_key, "password": s3_server.secret_key, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(fields))
    keys = s3_credentials_of(read_connection("lake")).keys()
    assert keys["access_key_id"].startswith("ASIA")
    assert s3_server.secret_key not in keys.values()


def test_without_boto3_a_role_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "aws", "extra": ROLE}))
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(PlatformFault, match="pip install boto3"):
        read_connection("lake")


def test_keys_need_no_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "aws://me:hush@/")
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert read_connection("lake").login == "me"
