"""What the fields of a connection of the amazon provider mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from verbatim.aws import endpoint_of, login_kind, s3_credentials_of
from verbatim.connections import Connection
from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from pathlib import Path

UNSIGNED = {"config_kwargs": {"signature_version": "unsigned"}}


@pytest.mark.parametrize(("login", "extra", "kind"), [
    ("me", {}, "keys"),
    (None, {"aws_access_key_id": "me", "aws_secret_access_key": "hush"}, "keys"),
    ("me", {"role_arn": "arn:aws:iam::123456789012:role/reader"}, "session"),
    (None, {"profile_name": "team"}, "session"),
    (None, {}, "machine"),
    ("me", UNSIGNED, "unsigned"),
])  # fmt: skip
def test_where_the_keys_come_from_is_as_the_provider_has_it(login, extra, kind):
    assert login_kind(Connection("lake", "aws", login, "hush" if login else None, extra)) == kind


def test_keys_in_the_extra_field_are_keys():
    extra = {"aws_access_key_id": "me", "aws_secret_access_key": "hush", "aws_session_token": "short"}
    assert s3_credentials_of(Connection("lake", "aws", extra=extra)).keys() == {
        "access_key_id": "me", "secret_access_key": "hush", "token": "short",
    }  # fmt: skip


def test_the_endpoint_of_the_service_goes_before_the_general_one_which_is_not_for_roles():
    extra = {"endpoint_url": "http://all", "service_config": {"s3": {"endpoint_url": "http://s3"}}}
    connection = Connection("lake", "aws", "me", "hush", extra)
    assert s3_credentials_of(connection).endpoint_url == "http://s3"
    assert endpoint_of(connection, "sts") is None


@pytest.mark.parametrize(("extra", "endpoint", "is_virtual"), [
    ({}, None, True),
    ({"endpoint_url": "https://s3.example:9000"}, "https://s3.example:9000", False),
    ({"endpoint_url": "https://s3.example", "config_kwargs": {"s3": {"addressing_style": "virtual"}}},
     "https://lake.s3.example", True),
    ({"config_kwargs": {"s3": {"addressing_style": "path"}}}, None, False),
])  # fmt: skip
def test_the_bucket_is_in_the_path_of_an_own_endpoint_unless_the_connection_says_otherwise(extra, endpoint, is_virtual):
    credentials = s3_credentials_of(Connection("lake", "aws", "me", "hush", extra))
    assert (credentials.endpoint_of("lake"), credentials.is_virtual_hosted) == (endpoint, is_virtual)


def test_an_unsigned_connection_sends_no_key_even_if_it_has_one():
    credentials = s3_credentials_of(Connection("public", "aws", "me", "hush", UNSIGNED))
    assert credentials.unsigned
    assert credentials.keys() == {}


@pytest.mark.parametrize(("verify", "checked"), [(True, True), (False, False), ("false", False), ("true", True)])
def test_verify_says_whether_the_servers_certificate_is_checked(verify, checked):
    credentials = s3_credentials_of(Connection("lake", "aws", "me", "hush", {"verify": verify}))
    assert (credentials.verify, credentials.ca_certificates) == (checked, None)


def test_the_certificates_that_verify_names_travel_with_the_credentials(tmp_path: Path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    connection = Connection("lake", "aws", "me", "hush", {"verify": str(tmp_path / "ca.pem")})
    assert s3_credentials_of(connection).ca_certificates == "-----BEGIN CERTIFICATE-----"
    (tmp_path / "ca.pem").unlink()
    with pytest.raises(PlatformFault, match="'verify' of the connection 'lake'"):
        s3_credentials_of(connection)
