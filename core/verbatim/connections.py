"""What the fields of an Airflow connection mean to the platform, and which connections a stage is handed.

Only those that a run's spec names and the settings allow are ever read. Who reads them (Airflow on a worker, the
environment of ``verbatim run``) is not known here, and nothing here is written anywhere.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from verbatim import aws
from verbatim.aws import s3_credentials_of
from verbatim.channels import FileSource, HiveSource, S3Source, SqlSource, kind_of
from verbatim.errors import PlatformFault, UserFault
from verbatim.git_login import default_port, server_of
from verbatim.paths import SCHEME, local_path
from verbatim.permission import is_inside
from verbatim.stage import DatabaseLogin, Login, StageSecrets

if TYPE_CHECKING:
    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest

DATA_KINDS = {"s3": (aws.KIND,), "hive": ("hiveserver2",), "sql": ("postgres", "mysql", "sqlite")}
"""The types of connection that each kind of source reads by."""
LOGIN_KINDS = ("git", "http", "https", "ssh", "sftp", "generic")


@dataclass(frozen=True)
class Connection:
    """An Airflow connection's fields, as far as they matter here.

    Attributes:
        name: Its id.
        kind: Its type, such as ``aws`` or ``git``.
        login: The user, or an access key's id.
        password: The password, token or secret key.
        extra: The JSON object of its extra field.
        host: The one server that it is for: a name, or a URL there; None for any that a conf names.
        port: Of that server.
        schema: The database.
    """

    name: str
    kind: str
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    host: str | None = None
    port: int | None = None
    schema: str | None = None


ReadConnection = Callable[[str], Connection]
"""Returns the connection of an id; raises ``PlatformFault`` where there is none."""


def no_connection(name: str) -> Connection:
    """Refuse every connection, where none can be had.

    Raises:
        PlatformFault: Always.
    """
    raise PlatformFault(f"the connection {name!r} is not to be had here")


def is_for(connection: Connection, url: str) -> bool:
    """Return whether a connection's login may be sent to a URL's server: a conf names the one and the other."""
    if not connection.host:
        return True
    try:
        (host, port), (own_host, own_port) = server_of(url), server_of(connection.host)
    except ValueError:
        return False
    own_port = connection.port or own_port
    return host == own_host and (own_port is None or own_port == (port or default_port(url)))


def login_of(connection: Connection) -> Login:
    """Return a connection as the login of a git server, a web server or a package index.

    Of the extra field these count, under Airflow's own names for ssh: ``private_key`` (or ``key_file``, its path on the
    machine that reads the connection), ``known_hosts`` (lines) and ``host_key`` (one key of the server).

    Raises:
        PlatformFault: It is of another kind, or its key file or host key cannot be read.
    """
    _demand_kind(connection, LOGIN_KINDS)
    extra = connection.extra
    if extra.get("private_key_passphrase"):
        raise PlatformFault(f"the ssh key of the connection {connection.name!r} has a passphrase; it needs one without")
    return Login(
        username=connection.login or None,
        password=_secret(connection.password),
        private_key=_secret(_private_key(connection)),
        known_hosts=_known_hosts(connection),
    )


def database_login_of(connection: Connection) -> DatabaseLogin:
    """Return a connection as the login of a database or a HiveServer2."""
    return DatabaseLogin(
        kind=connection.kind,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        username=connection.login or None,
        password=_secret(connection.password),
        extra=_secret(json.dumps(dict(connection.extra))) if connection.extra else None,
    )


def secrets_for(request: StageRequest, settings: PlatformSettings, read: ReadConnection) -> StageSecrets:
    """Return what a stage is handed: the credentials of the connections that it itself needs, without the store's.

    Raises:
        UserFault: The spec names a connection that the settings do not allow, or that is for another server, or data's
            by one of another kind.
        PlatformFault: An allowed connection is not there, or is of another kind.
    """
    read = cache(read)  # which may ask for a session's keys
    _demand_paths(request, settings)
    s3, logins = _s3_connections(request, settings), _logins(request, settings)
    databases = _databases(request, settings)
    for name, allowed in (*s3.items(), *databases.items(), *((name, allowed) for name, _, allowed in logins)):
        if name not in allowed:
            raise UserFault(f"the connection {name!r} is not one that confs may name; config/platform.yaml lists those")
    if request.stage == "extract":
        _demand_data_kinds(request, read)
    return StageSecrets(
        connections={name: s3_credentials_of(read(name)) for name in s3},
        logins={name: _login_for(url, read(name)) for name, url, _ in logins},
        databases={name: database_login_of(read(name)) for name in databases},
    )


def _demand_data_kinds(request: StageRequest, read: ReadConnection) -> None:
    for channel, pinned in request.spec.data.items():
        kind, name = kind_of(pinned.source), getattr(pinned.source, "connection", None)
        if name is None:
            continue
        found, wanted = read(name).kind, DATA_KINDS[kind]
        if found not in wanted:
            message = f"expected a connection of type {' or '.join(wanted)}; {name!r} is of type {found!r}"
            raise UserFault(message, field=f"data.{channel}.{kind}.connection")


def _demand_paths(request: StageRequest, settings: PlatformSettings) -> None:
    """Look once more at where paths lead, for a run may wait for hours: a directory may have become a link since.

    Raises:
        UserFault: One leads out of what the settings allow.
    """
    spec, read, write = request.spec, settings.files.read, settings.files.write
    named = list[tuple[str, Path, tuple[str, ...]]]()
    if request.stage == "extract":
        for name, channel in spec.data.items():
            if isinstance(channel.source, FileSource):
                named.append((f"data.{name}.file.uri", local_path(channel.source.uri), read))
            if channel.database_file:
                named.append((f"data.{name}.sql.connection", Path(channel.database_file), read))
    if request.stage == "register" and spec.model and (spec.model.destination or "").startswith(SCHEME):
        named.append(("model.destination", local_path(str(spec.model.destination)), write))
    for subject, path, allowed in named:
        if not is_inside(path, allowed):
            raise UserFault(f"{path} leads out of what config/platform.yaml allows, as it does by now", field=subject)


def _s3_connections(request: StageRequest, settings: PlatformSettings) -> dict[str, tuple[str, ...]]:
    spec, allowed = request.spec, settings.connections
    if request.stage == "extract":
        sources = [channel.source for channel in spec.data.values()]
        exports = [channel.export.connection for channel in spec.data.values() if channel.export]
        return {source.connection: allowed.data for source in sources if isinstance(source, S3Source)} | {
            name: (name,) for name in exports if name
        }
    if request.stage == "register" and spec.model and spec.model.connection:
        return {spec.model.connection: allowed.destinations}
    return {}


def _databases(request: StageRequest, settings: PlatformSettings) -> dict[str, tuple[str, ...]]:
    if request.stage != "extract":
        return {}
    sources = [channel.source for channel in request.spec.data.values()]
    allowed = settings.connections.data
    return {source.connection: allowed for source in sources if isinstance(source, HiveSource | SqlSource)}


def _logins(request: StageRequest, settings: PlatformSettings) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return who may need to fetch code (prepare and validate) and packages (wherever an environment is built).

    Each with the URL that its login is sent to, and those that are allowed.
    """
    spec, allowed = request.spec, settings.connections
    found = []
    if request.stage in {"prepare", "train", "evaluate"}:
        indexes = spec.environment.indexes
        found += [(index.connection, index.url, allowed.indexes) for index in indexes if index.connection]
    if request.stage in {"prepare", "validate"} and spec.code.kind == "git" and spec.code.connection:
        found.append((spec.code.connection, spec.code.url, allowed.code))
    return found


def _login_for(url: str, connection: Connection) -> Login:
    if not is_for(connection, url):
        raise UserFault(f"the connection {connection.name!r} is for {connection.host}, and {url} is elsewhere")
    return login_of(connection)


def _demand_kind(connection: Connection, kinds: tuple[str, ...]) -> None:
    if connection.kind not in kinds:
        wanted = " or ".join(f"'{kind}'" for kind in kinds)
        raise PlatformFault(f"the connection {connection.name!r} is of type {connection.kind!r}; {wanted} is needed")


def _secret(value: str | None) -> SecretStr | None:
    return SecretStr(value) if value else None


def _private_key(connection: Connection) -> str | None:
    key = connection.extra.get("private_key")
    if not key and (file := connection.extra.get("key_file")):
        try:
            key = Path(file).read_text()
        except (OSError, UnicodeDecodeError):
            raise PlatformFault(f"the key_file of the connection {connection.name!r} cannot be read") from None
    if not key:
        return None
    text = str(key).replace("\r\n", "\n")
    if "\n" not in text.strip():
        text = text.replace("\\n", "\n")  # as it is written in JSON within JSON
    return text.strip() + "\n"  # ssh takes no key without the last line's end


def _known_hosts(connection: Connection) -> str | None:
    if lines := connection.extra.get("known_hosts"):
        return str(lines).replace("\\n", "\n").strip() + "\n"
    host_key = str(connection.extra.get("host_key") or "").split()
    if not host_key:
        return None
    return f"* {_key_type(connection, host_key[-1])} {host_key[-1]}\n"


def _key_type(connection: Connection, encoded: str) -> str:
    """Return the type that an ssh public key begins with (RFC 4253, section 6.6)."""
    try:
        blob = base64.b64decode(encoded, validate=True)
        return blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise PlatformFault(f"the host_key of the connection {connection.name!r} is no ssh public key") from None
