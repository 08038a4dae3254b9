"""Keys of AWS connections without Airflow: of a role, a profile or this shell, by boto3 where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verbatim import aws
from verbatim.errors import first_line

if TYPE_CHECKING:
    from verbatim.connections import Connection

SESSION_NAME = "verbatim"


def with_session(connection: Connection) -> Connection:
    """Return a connection with the keys of a session, as Airflow's amazon provider would get them.

    Raises:
        PlatformFault: boto3 is not installed, or no keys can be had.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise aws.no_session(
            connection, "a role, a profile or this shell's own keys need boto3 (pip install boto3)"
        ) from None
    extra = connection.extra
    access_key_id, secret_access_key = aws.own_keys(connection)
    try:
        session = boto3.session.Session(
            aws_access_key_id=access_key_id, aws_secret_access_key=secret_access_key,
            aws_session_token=extra.get("aws_session_token"), region_name=extra.get("region_name"),
            profile_name=extra.get("profile_name"),
        )  # fmt: skip
        if extra.get("role_arn"):
            return _in_role(connection, session)
        keys = session.get_credentials()
    except (BotoCoreError, ClientError) as error:
        raise aws.no_session(connection, first_line(error)) from None
    if keys is None:
        raise aws.no_session(connection, "it names none, and this shell has none")
    return aws.with_session(connection, keys.access_key, keys.secret_key, keys.token)


def _in_role(connection: Connection, session: Any) -> Connection:
    extra = connection.extra
    if extra.get("assume_role_method", "assume_role") != "assume_role":
        raise aws.no_session(connection, f"its assume_role_method {extra['assume_role_method']!r} needs Airflow")
    client = session.client("sts", endpoint_url=aws.endpoint_of(connection, "sts"))
    asked = {"RoleSessionName": SESSION_NAME} | dict(extra.get("assume_role_kwargs") or {})
    keys = client.assume_role(RoleArn=extra["role_arn"], **asked)["Credentials"]
    return aws.with_session(connection, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
