"""Reads Airflow connections: for a stage's credentials, the store's, and private code when a run is pinned.

Which connections may be read, and what their fields mean, ``verbatim.connections`` says. Airflow masks what is read
here in the task's log.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from verbatim import aws, connections
from verbatim.connections import Connection
from verbatim.errors import PlatformFault, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim.settings import PlatformSettings
    from verbatim.stage import S3Credentials, StageRequest, StageSecrets

SECRET_EXTRAS = ("aws_session_token", "aws_secret_access_key", "private_key")


def store_credentials(settings: PlatformSettings) -> S3Credentials | None:
    """Return the credentials of an S3 store; None for a local one, and for one that the machine itself may reach.

    A connection that names nothing leaves the keys to the client, which renews the machine's own while a training goes
    on; those of a role or profile end when their session does.
    """
    if not settings.store_connection:
        return None
    connection = _read(settings.store_connection)
    if aws.login_kind(connection) == "session":
        connection = _with_session(connection)
    return aws.s3_credentials_of(connection)


def secrets_for(request: StageRequest, settings: PlatformSettings) -> StageSecrets:
    """Return what a stage is handed: the store's credentials, and those of the connections that it itself needs.

    Raises:
        UserFault: The spec names a connection that the settings do not allow.
        PlatformFault: An allowed connection is not there, or is of another kind.
    """
    needed = connections.secrets_for(request, settings, read_connection)
    return needed.model_copy(update={"store": store_credentials(settings)})


def read_connection(connection_id: str) -> Connection:
    """Return an Airflow connection's fields, masked in the task's log from now on.

    Where one of the amazon provider is for a role, a profile or the worker's own identity, it comes with the keys of a
    session: the stage that it is handed to never asks for more.

    Raises:
        PlatformFault: There is no such connection, or it gives no keys.
    """
    connection = _read(connection_id)
    if connection.kind == aws.KIND and aws.login_kind(connection) in {"session", "machine"}:
        return _with_session(connection)
    return connection


def _read(connection_id: str) -> Connection:
    try:
        found = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        raise PlatformFault(
            f"Airflow has no connection {connection_id!r}; add it, or correct config/platform.yaml"
        ) from None
    connection = Connection(
        connection_id, found.conn_type or "", found.login, found.password, found.extra_dejson, found.host or None,
        found.port, found.schema or None,
    )  # fmt: skip
    _mask(connection)
    return connection


def _with_session(connection: Connection) -> Connection:
    """Ask the provider's own hook for a connection's keys."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook  # noqa: PLC0415 - brings boto3

    try:
        keys = AwsBaseHook(aws_conn_id=connection.name, client_type="s3").get_credentials()
    except AttributeError:  # the hook's way to say that there are none
        raise aws.no_session(connection, "it names none, and the worker has none of its own") from None
    except Exception as error:  # noqa: BLE001 - of botocore, the provider and what they use
        raise aws.no_session(connection, f"{type(error).__name__}: {first_line(error)}") from None
    connection = aws.with_session(connection, keys.access_key, keys.secret_key, keys.token)
    _mask(connection)
    return connection


def _mask(connection: Connection) -> None:
    for form in _forms(connection):
        mask_secret(form)


def _forms(connection: Connection) -> Iterator[str]:
    """Give every form in which a secret of a connection may be shown: as it is, in a URL, in a header, line by line."""
    extra = connection.extra
    secrets = (connection.password, *(extra.get(name) for name in SECRET_EXTRAS))
    for secret in filter(None, map(_text, secrets)):
        yield secret
        yield quote(secret, safe="")
        yield from (line for line in secret.splitlines() if line and not line.startswith("-----"))
    if connection.password:
        yield base64.b64encode(f"{connection.login or ''}:{connection.password}".encode()).decode()


def _text(value: object) -> str | None:
    return str(value) if value else None
