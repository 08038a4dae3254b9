"""What the fields of a connection of Airflow's amazon provider mean for S3.

See https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/connections/aws.html. Where keys have to be
asked for, whoever reads the connection does that; nothing here asks anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr

from verbatim.errors import PlatformFault
from verbatim.stage import S3Credentials

if TYPE_CHECKING:
    from verbatim.connections import Connection

KIND = "aws"


def login_kind(connection: Connection) -> Literal["keys", "unsigned", "session", "machine"]:
    """Return where a connection's keys come from, as the provider has it.

    ``keys`` are in it; ``unsigned`` needs none; ``session`` is for a role or a profile; ``machine`` is one that names
    nothing: the identity of the machine that reads it (its instance profile, its AWS variables).
    """
    extra = connection.extra
    if _mapping(extra.get("config_kwargs")).get("signature_version") == "unsigned":
        return "unsigned"
    if extra.get("role_arn") or extra.get("profile_name"):
        return "session"
    access_key_id, secret_access_key = own_keys(connection)
    return "keys" if access_key_id and secret_access_key else "machine"


def own_keys(connection: Connection) -> tuple[str | None, str | None]:
    """Return the key's id and the secret key that a connection itself holds."""
    extra = connection.extra
    if connection.login and connection.password:
        return connection.login, connection.password
    return extra.get("aws_access_key_id"), extra.get("aws_secret_access_key")


def with_session(connection: Connection, access_key_id: str, secret_access_key: str, token: str | None) -> Connection:
    """Return a connection with the keys that its role, profile or machine was given, and no more than those."""
    told = {name: value for name, value in connection.extra.items() if name not in {"role_arn", "profile_name"}}
    extra = told | {"aws_session_token": token}
    return replace(connection, login=access_key_id, password=secret_access_key, extra=extra)


def no_session(connection: Connection, reason: str) -> PlatformFault:
    """Return the fault of a connection whose keys cannot be had."""
    return PlatformFault(
        f"the connection {connection.name!r} gives no keys: {reason}. Fill in its login and password, a role_arn or a "
        'profile_name; for public buckets, {"config_kwargs": {"signature_version": "unsigned"}} in its extra field'
    )


def endpoint_of(connection: Connection, service: str) -> str | None:
    """Return where a connection's requests to a service go; None for AWS. The general endpoint is never one of STS."""
    extra = connection.extra
    own = _mapping(_mapping(extra.get("service_config")).get(service)).get("endpoint_url")
    return own or (extra.get("endpoint_url") if service == "s3" else None)


def s3_credentials_of(connection: Connection) -> S3Credentials:
    """Return a connection as credentials for S3.

    Raises:
        PlatformFault: It is of another kind, or its certificates cannot be read.
    """
    if connection.kind != KIND:
        raise PlatformFault(f"the connection {connection.name!r} is of type {connection.kind!r}; {KIND!r} is needed")
    extra = connection.extra
    access_key_id, secret_access_key = own_keys(connection)
    style = _mapping(_mapping(extra.get("config_kwargs")).get("s3")).get("addressing_style")
    verify = extra.get("verify")
    is_off = str(verify).lower() in {"false", "0"}
    is_path = isinstance(verify, str) and not is_off and verify.lower() not in {"", "true", "1"}
    return S3Credentials(
        access_key_id=_secret(access_key_id),
        secret_access_key=_secret(secret_access_key),
        session_token=_secret(extra.get("aws_session_token")),
        region=extra.get("region_name"),
        endpoint_url=endpoint_of(connection, "s3"),
        addressing_style=style if style in {"path", "virtual"} else None,
        unsigned=login_kind(connection) == "unsigned",
        verify=not is_off,
        ca_certificates=_certificates(connection, str(verify)) if is_path else None,
    )


def _certificates(connection: Connection, path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        raise PlatformFault(
            f"the file that 'verify' of the connection {connection.name!r} names cannot be read"
        ) from None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _secret(value: str | None) -> SecretStr | None:
    return SecretStr(value) if value else None
