"""From Airflow connections to the credentials of one stage: only those that its spec names and the settings allow.

Airflow masks what is read here in the task's log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from pydantic import SecretStr

from verbatim.errors import PlatformFault, UserFault
from verbatim.request import S3Source
from verbatim.stage import S3Credentials, StageSecrets

if TYPE_CHECKING:
    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest


def store_credentials(settings: PlatformSettings) -> S3Credentials | None:
    """Return the credentials of an S3 store; None for a local one, and for one that the machine itself may reach."""
    return s3_credentials(settings.store_connection) if settings.store_connection else None


def secrets_for(request: StageRequest, settings: PlatformSettings) -> StageSecrets:
    """Return what a stage is handed: the store's credentials, and those of the connections that it itself needs.

    Raises:
        UserFault: The spec names a connection that the settings do not allow.
        PlatformFault: An allowed connection is not there, or is of another kind.
    """
    spec, needed = request.spec, dict[str, tuple[str, ...]]()
    if request.stage == "extract":
        sources = [channel.source for channel in spec.data.values()]
        needed = {source.connection: settings.connections.data for source in sources if isinstance(source, S3Source)}
    elif request.stage == "register" and spec.model and spec.model.connection:
        needed = {spec.model.connection: settings.connections.destinations}
    for name, allowed in needed.items():
        if name not in allowed:
            raise UserFault(f"the connection {name!r} is not one that confs may name; config/platform.yaml lists those")
    return StageSecrets(store=store_credentials(settings), connections={name: s3_credentials(name) for name in needed})


def s3_credentials(connection_id: str) -> S3Credentials:
    """Return an Airflow connection of the amazon provider (login, password, extra) as credentials.

    Raises:
        PlatformFault: There is no such connection, or it is of another kind.
    """
    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        raise PlatformFault(
            f"Airflow has no connection {connection_id!r}; add it, or correct config/platform.yaml"
        ) from None
    if connection.conn_type != "aws":
        raise PlatformFault(
            f"the connection {connection_id!r} is of type {connection.conn_type!r}; an 'aws' one is needed"
        )
    extra = connection.extra_dejson
    credentials = S3Credentials(
        access_key_id=_secret(connection.login),
        secret_access_key=_secret(connection.password),
        session_token=_secret(extra.get("aws_session_token")),
        region=extra.get("region_name"),
        endpoint_url=extra.get("endpoint_url"),
    )
    for value in StageSecrets(store=credentials).values():
        mask_secret(value)
    return credentials


def _secret(value: str | None) -> SecretStr | None:
    return SecretStr(value) if value else None
