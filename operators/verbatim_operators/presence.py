"""Looks whether what a run waits for is there, with the hooks of Airflow's providers. Runs on workers and triggerers.

A statement names only what the conf names, quoted; messages never hold what a connection does.
"""

from __future__ import annotations

from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from verbatim.connections import DATA_KINDS
from verbatim.data.sql.literals import bound_value, hive_literal
from verbatim.data.waiting import connection_of, described
from verbatim.errors import PlatformFault, UserFault, first_line
from verbatim_operators.credentials import read_connection

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from verbatim.channels import HiveWait, S3Wait, WaitRequest

_REFUSED = "Bad status"
"""How thrift_sasl tells that a server refuses a login."""


def is_there(wait: WaitRequest) -> bool:
    """Return whether something is there now.

    Raises:
        UserFault: The bucket or the table is not there, or may not be read; the connection is of another kind, or its
            login is refused.
        PlatformFault: The connection is not there, or its server does not answer.
    """
    kind = "s3" if wait.s3 else "hive"
    name, wanted = connection_of(wait), DATA_KINDS[kind]
    found = read_connection(name).kind
    if found not in wanted:
        message = f"expected a connection of type {' or '.join(wanted)}; {name!r} is of type {found!r}"
        raise UserFault(message)
    if wait.s3:
        return _object_is_there(wait.s3, described(wait))
    assert wait.hive is not None  # a wait has the one or the other
    return _partition_is_there(wait.hive, described(wait))


def _object_is_there(place: S3Wait, name: str) -> bool:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # noqa: PLC0415 - boto3 takes time to load
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - likewise

    bucket, _, key = place.uri.removeprefix("s3://").partition("/")
    hook = S3Hook(aws_conn_id=place.connection)
    try:
        if "*" in key:
            return bool(hook.check_for_wildcard_key(key, bucket))
        if hook.check_for_key(key, bucket):
            return True
        _demand_bucket(hook, bucket, name)
    except ClientError as error:
        answer = error.response.get("Error", {})
        code, status = answer.get("Code"), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = f"{name} cannot be looked for with the connection {place.connection!r}: {code} {answer.get('Message')}"
        if 400 <= status < 500 and status != 429:
            raise UserFault(said) from None
        raise PlatformFault(said) from None
    except BotoCoreError as error:
        raise PlatformFault(f"{name} cannot be looked for: {type(error).__name__}") from None
    return False


def _demand_bucket(hook: S3Hook, bucket: str, name: str) -> None:
    """Refuse a bucket that is not there: what is said of a key does not tell. Who may not ask for it goes on waiting.

    Raises:
        UserFault: It is not there.
        ClientError: The server answers something else.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - takes time to load

    try:
        hook.get_conn().head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == HTTPStatus.NOT_FOUND:
            raise UserFault(f"{name} cannot be looked for: there is no bucket {bucket!r}") from None
        if status != HTTPStatus.FORBIDDEN:
            raise


def _partition_is_there(place: HiveWait, name: str) -> bool:
    from airflow.providers.apache.hive.hooks.hive import HiveServer2Hook  # noqa: PLC0415 - pandas takes time to load
    from pyhive.exc import Error  # noqa: PLC0415 - likewise
    from thrift.Thrift import TException  # noqa: PLC0415 - likewise

    hook = HiveServer2Hook(hiveserver2_conn_id=place.connection)
    try:
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(partition_query(place))
            return bool(cursor.fetchall())
    except Error as error:
        said = f"{name} cannot be looked for with the connection {place.connection!r}: {_said(error)}"
        raise UserFault(said) from None
    except (TException, OSError) as error:
        if _REFUSED in str(error):
            said = f"{name} cannot be looked for: the server refuses the login of the connection {place.connection!r}"
            raise UserFault(said) from None
        raise PlatformFault(f"{name} cannot be looked for: {type(error).__name__}, no answer of the server") from None


def partition_query(place: HiveWait) -> str:
    """Return the statement that lists a partition if it is there; Hive and Spark read its quotes alike."""
    table = ".".join(f"`{part}`" for part in place.table.split("."))
    values = ", ".join(f"`{column}`={hive_literal(bound_value(value))}" for column, value in place.partition.items())
    return f"SHOW PARTITIONS {table} PARTITION ({values})"


def _said(error: Exception) -> str:
    """Return the first line of what the server said; PyHive hands over its whole answer."""
    answer: Any = error.args[0] if error.args else ""
    text = getattr(getattr(answer, "status", None), "errorMessage", None) or str(answer)
    return first_line(error, text)
