"""Platform settings: config/platform.yaml and the environment variables that override it.

Read by workers, the CLI and the plugin; never by the runner, which learns all it needs from its stage request.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from verbatim.documents import Document, Pattern
from verbatim.errors import PlatformFault
from verbatim.problems import problems_of
from verbatim.quantities import parse_memory
from verbatim.stage import CacheLimits


class DockerSettings(Document):
    """Where and how containers run."""

    image: str = "verbatim-runner:latest"
    connection: str | None = Field(None, description="Airflow docker connection; the local daemon if not given")
    network: str = "bridge"
    cache_volume: str = Field("verbatim-cache", description="volume of environments and packages, kept between runs")


class Connections(Document):
    """Which Airflow connections a conf may name; nothing else can be reached with the platform's credentials."""

    data: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    code: tuple[str, ...] = Field((), description="for private repositories and archives")
    indexes: tuple[str, ...] = Field((), description="for private package indexes")


class Files(Document):
    """Which directories of the platform's machine a conf may name; ``*`` stands for all."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


class Exports(Document):
    """Where a HiveServer2 may write results itself (``mode: server``); the runner reads and deletes them there."""

    uri: str = Field(description="s3://bucket/prefix/ or file:///directory/, as the server and the runner both see it")
    connection: str | None = Field(None, description="Airflow connection (amazon provider) of an s3:// prefix")


class Cache(Document):
    """How large a host's caches may grow; what was not used for longest goes first."""

    data: str = Field("20g", description="snapshots' files")
    environments: str = Field("20g", description="environments and packages")

    @field_validator("data", "environments")
    @classmethod
    def _size(cls, value: str) -> str:
        parse_memory(value)
        return value

    @property
    def limits(self) -> CacheLimits:
        """The same in bytes."""
        return CacheLimits(data_bytes=parse_memory(self.data), environment_bytes=parse_memory(self.environments))


class PlatformSettings(Document):
    """The platform's settings."""

    store_url: str = Field(description="file:///… or s3://bucket/prefix")
    store_connection: str | None = Field(None, description="Airflow connection (amazon provider) of an s3:// store")
    catalog_url: str = Field(description="SQLAlchemy URL: sqlite:////… or postgresql+psycopg2://…")
    engine: Literal["auto", "docker", "process"] = "auto"
    docker: DockerSettings = DockerSettings()
    runner: str = Field("dist/verbatim-runner.pyz", description="the zipapp, for the process engine")
    cache_dir: str = Field(description="environments and packages of the process engine, kept between runs")
    wheels: Annotated[str, Pattern(r"/.*", "the absolute path of a directory")] | None = Field(
        None, description="directory of this machine with packages beside the index"
    )
    connections: Connections = Connections()
    exports: Exports | None = Field(None, description="for channels from Hive with mode: server")
    expectations: str = Field("config/expectations", description="directory of suites that confs may name")
    cache: Cache = Cache()
    files: Files = Files()


ENVIRONMENT = {
    "VERBATIM_STORE_URL": "store_url",
    "VERBATIM_CATALOG_URL": "catalog_url",
    "VERBATIM_ENGINE": "engine",
    "VERBATIM_RUNNER": "runner",
    "VERBATIM_CACHE_DIR": "cache_dir",
    "VERBATIM_WHEELS": "wheels",
}
"""Environment variables that override the file.

Besides, ``VERBATIM_CONFIG`` names the file, and ``VERBATIM_HOME`` the embedded platform's directory.
"""


def load_settings(path: Path | None = None) -> PlatformSettings:
    """Read the platform's settings.

    ``${NAME}`` in the file's values is replaced from the environment. Without an own value, store, catalog and cache
    lie under ``VERBATIM_HOME`` (default ``.verbatim``), and ``wheels`` is where pip and uv look on this machine.

    Args:
        path: The file; ``VERBATIM_CONFIG`` or ``config/platform.yaml`` if not given.

    Raises:
        PlatformFault: The file cannot be read, or has a wrong value; every one is named.
    """
    file = path or Path(os.environ.get("VERBATIM_CONFIG", "config/platform.yaml"))
    home = Path(os.environ.get("VERBATIM_HOME", ".verbatim")).resolve()
    values: dict[str, Any] = {
        "store_url": (home / "store").as_uri(),
        "catalog_url": f"sqlite:///{home}/catalog.db",
        "cache_dir": str(home / "cache"),
        "wheels": _wheels_of_this_machine(),
    }
    try:
        given = yaml.safe_load(file.read_text()) or {}
    except FileNotFoundError:
        if path or "VERBATIM_CONFIG" in os.environ:
            raise PlatformFault(f"the settings file {file} is not there; VERBATIM_CONFIG names it") from None
        given = {}
    except (OSError, yaml.YAMLError) as error:
        raise PlatformFault(f"the settings file {file} cannot be read: {error}") from None
    if not isinstance(given, dict):
        raise PlatformFault(f"the settings file {file} has to hold keys and values, such as 'engine: docker'")
    values |= _expanded(given)
    values |= {field: os.environ[name] for name, field in ENVIRONMENT.items() if os.environ.get(name)}
    try:
        return PlatformSettings.model_validate(values)
    except ValidationError as error:
        raise PlatformFault(
            "\n".join([f"the settings in {file} are wrong:", *map(str, problems_of(error, PlatformSettings))])
        ) from None


def _wheels_of_this_machine() -> str | None:
    """Return the directory that pip or uv is told to find packages in; an index page elsewhere is not meant."""
    named = [os.environ.get(name, "") for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS")]
    return next((str(Path(name).resolve()) for name in named if name and Path(name).is_dir()), None)


def _expanded(value: Any) -> Any:
    """Return YAML's value with ``${NAME}`` replaced; after parsing, since no password has to be fit for YAML."""
    if isinstance(value, str):
        return os.path.expandvars(value)
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    if isinstance(value, dict):
        return {key: _expanded(item) for key, item in value.items()}
    return value
