"""Airflow connections without Airflow: ``AIRFLOW_CONN_<ID>`` variables of this shell, as JSON or as a URI.

See https://airflow.apache.org/docs/apache-airflow/stable/howto/connection.html for both forms.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from verbatim.errors import PlatformFault, UserFault

if TYPE_CHECKING:
    from verbatim.connections import Connection

PREFIX = "AIRFLOW_CONN_"


def own_connections() -> tuple[str, ...]:
    """Return the ids of the connections that this shell has."""
    return tuple(sorted(name.removeprefix(PREFIX).lower() for name in os.environ if name.startswith(PREFIX)))


def read_connection(name: str) -> Connection:
    """Return a connection's fields; one of the amazon provider that is for a role or profile with a session's keys.

    Raises:
        PlatformFault: This shell has no such connection, or it gives no keys.
        UserFault: Its variable cannot be read as a connection; the variable's value is not shown.
    """
    from verbatim import aws

    connection = _read(name)
    if connection.kind == aws.KIND and aws.login_kind(connection) in {"session", "machine"}:
        from verbatim_cli.aws_session import with_session

        return with_session(connection)
    return connection


def _read(name: str) -> Connection:
    variable = f"{PREFIX}{name.upper()}"
    value = os.environ.get(variable)
    if value is None:
        raise PlatformFault(
            f"without Airflow, the connection {name!r} is read from the variable {variable}, which is not set; "
            'such as {"conn_type": "git", "login": "me", "password": "a token"}'
        )
    try:
        return _from_json(name, json.loads(value)) if value.lstrip().startswith("{") else _from_uri(name, value)
    except (ValueError, TypeError, AttributeError):
        raise UserFault(f"{variable} is neither the JSON nor the URI of a connection") from None


def _from_json(name: str, fields: dict[str, Any]) -> Connection:
    from verbatim.connections import Connection

    extra = fields.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    kind, port = str(fields.get("conn_type", "generic")), fields.get("port")
    host, port = fields.get("host"), int(port) if port else None
    return Connection(name, kind, fields.get("login"), fields.get("password"), extra, host, port, fields.get("schema"))


def _from_uri(name: str, uri: str) -> Connection:
    from verbatim.connections import Connection

    parts = urlsplit(uri)
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra = json.loads(extra["__extra__"])
    login, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    kind, host = parts.scheme.replace("-", "_"), unquote(parts.hostname or "") or None
    return Connection(name, kind, login, password, extra, host, parts.port, unquote(parts.path.lstrip("/")) or None)
