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

from verbatim import connections
from verbatim.connections import Connection, s3_credentials_of
from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim.settings import PlatformSettings
    from verbatim.stage import S3Credentials, StageRequest, StageSecrets


def store_credentials(settings: PlatformSettings) -> S3Credentials | None:
    """Return the credentials of an S3 store; None for a local one, and for one that the machine itself may reach."""
    return s3_credentials_of(read_connection(settings.store_connection)) if settings.store_connection else None


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

    Raises:
        PlatformFault: There is no such connection.
    """
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
    for form in _forms(connection):
        mask_secret(form)
    return connection


def _forms(connection: Connection) -> Iterator[str]:
    """Give every form in which a secret of a connection may be shown: as it is, in a URL, in a header, line by line."""
    extra = connection.extra
    secrets = (connection.password, extra.get("aws_session_token"), extra.get("private_key"))
    for secret in filter(None, map(_text, secrets)):
        yield secret
        yield quote(secret, safe="")
        yield from (line for line in secret.splitlines() if line and not line.startswith("-----"))
    if connection.password:
        yield base64.b64encode(f"{connection.login or ''}:{connection.password}".encode()).decode()


def _text(value: object) -> str | None:
    return str(value) if value else None
