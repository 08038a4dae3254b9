"""Opening what commands work on: home, settings, store, catalog, orchestrator; and finding a run by its name.

Where each is, and which environment variable says otherwise, is decided here alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.errors import NotFound, PlatformFault, UserFault
from verbatim.ids import RUN_ID
from verbatim.settings import Connections, Files, PlatformSettings, load_settings
from verbatim_cli.embedded.home import ADMIN, Home, keep_secrets

if TYPE_CHECKING:
    from verbatim.catalog import Catalog
    from verbatim.lifecycle import RunLifecycle
    from verbatim.stage import S3Credentials
    from verbatim.store import Store
    from verbatim_cli.airflow_api import AirflowApi

CHECKOUT = Path(__file__).resolve().parents[2]
SEARCHED_RUNS = 10_000


def open_home() -> Home:
    """Return the embedded platform's directory: ``VERBATIM_HOME``, by default ``.verbatim`` here."""
    return Home(Path(os.environ.get("VERBATIM_HOME", ".verbatim")).resolve(), CHECKOUT)


def settings_file() -> Path | None:
    """Return the settings file: ``VERBATIM_CONFIG``, else this directory's, else the checkout's, else none."""
    if "VERBATIM_CONFIG" in os.environ:
        return Path(os.environ["VERBATIM_CONFIG"]).resolve()
    candidates = (Path.cwd() / "config/platform.yaml", CHECKOUT / "config/platform.yaml")
    return next((file for file in candidates if file.is_file()), None)


def open_settings() -> PlatformSettings:
    """Read the settings; a relative ``runner`` is looked for here and then in the checkout."""
    settings = load_settings(settings_file())
    runner = next(
        (base / settings.runner for base in (Path.cwd(), CHECKOUT) if (base / settings.runner).is_file()), None
    )
    return settings.model_copy(update={"runner": str(runner)}) if runner else settings


def platform_environment(settings: PlatformSettings) -> dict[str, str]:
    """Return what the embedded platform's processes must be told, since they run in another directory than this one.

    Where this shell trusts other certificate authorities than the system does, containers are to trust them, too.
    """
    told = {"VERBATIM_RUNNER": settings.runner}
    if file := settings_file():
        told["VERBATIM_CONFIG"] = str(file)
    return told | authorities_for_containers()


def authorities_for_containers() -> dict[str, str]:
    """Return the variable that names the certificate authorities that containers are to trust, if this shell does."""
    bundle = os.environ.get("VERBATIM_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    return {"VERBATIM_CA_BUNDLE": bundle} if bundle else {}


def open_store(settings: PlatformSettings) -> Store:
    """Open the store; an S3 store's credentials come from the usual AWS variables."""
    from verbatim.store import Store

    return Store(settings.store_url, store_credentials(settings))


def store_credentials(settings: PlatformSettings) -> S3Credentials | None:
    """Return the credentials of an S3 store, from the usual AWS variables; None for a local one."""
    return _ambient_credentials() if settings.store_url.startswith("s3://") else None


def open_catalog(settings: PlatformSettings) -> Catalog:
    """Open the catalog, made or brought up to date if need be."""
    from verbatim.catalog import Catalog

    if settings.catalog_url.startswith("sqlite:///"):
        open_home().make()
        Path(settings.catalog_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    catalog = Catalog(settings.catalog_url)
    catalog.migrate()
    return catalog


def open_books() -> RunLifecycle:
    """Open store and catalog together."""
    from verbatim.lifecycle import RunLifecycle

    settings = open_settings()
    return RunLifecycle(open_store(settings), open_catalog(settings), settings)


def open_local_settings() -> PlatformSettings:
    """Read the settings for what this user does here.

    Every file that the user may read will do, and every connection that the user's shell has.
    """
    from verbatim_cli.connections import own_connections

    settings, own = open_settings(), own_connections()
    allowed = Connections.model_validate(
        {kind: tuple(dict.fromkeys((*names, *own))) for kind, names in settings.connections}
    )
    return settings.model_copy(update={"files": Files(read=("*",), write=("*",)), "connections": allowed})


def open_local_books() -> tuple[PlatformSettings, RunLifecycle]:
    """Open settings, store and catalog for a run by this user here."""
    from verbatim.lifecycle import RunLifecycle

    settings = open_local_settings()
    return settings, RunLifecycle(open_store(settings), open_catalog(settings), settings)


def open_airflow() -> AirflowApi:
    """Return the orchestrator: the one that ``VERBATIM_URL`` names, else this home's embedded platform.

    Raises:
        PlatformFault: The embedded platform is not up.
    """
    from verbatim_cli.airflow_api import AirflowApi
    from verbatim_cli.embedded.state import running_platform

    if url := os.environ.get("VERBATIM_URL"):
        token, password = os.environ.get("VERBATIM_TOKEN"), os.environ.get("VERBATIM_PASSWORD", "")
        return AirflowApi(url, user=os.environ.get("VERBATIM_USER", ADMIN), password=password, token=token)
    home = open_home()
    platform = running_platform(home)
    if platform is None:
        raise PlatformFault(
            f"no platform is up in {home.root}. Start it with: verbatim up. "
            "For one elsewhere set VERBATIM_URL, VERBATIM_USER and VERBATIM_PASSWORD"
        )
    return AirflowApi(platform.url, user=ADMIN, password=keep_secrets(home).password)


def find_run(catalog: Catalog, name: str) -> str:
    """Return the id of the run that a user means.

    Args:
        catalog: The index.
        name: A run id, the beginning or the end of exactly one, or ``latest``.

    Raises:
        NotFound: There is no such run.
        UserFault: Several runs match.
    """
    if name == "latest":
        newest = catalog.runs(limit=1)
        if not newest:
            raise NotFound("there is no run yet; start one with: verbatim submit CONF")
        return newest[0].run_id
    if RUN_ID.match(name):
        return catalog.run(name).run_id
    ids = [row.run_id for row in catalog.runs(limit=SEARCHED_RUNS)]
    matches = [run_id for run_id in ids if run_id.startswith(name) or run_id.endswith(name)]
    if not matches:
        raise NotFound(f"no run is called {name!r}; `verbatim runs` lists them")
    if len(matches) > 1:
        shown = ", ".join(matches[:5]) + (" …" if len(matches) > 5 else "")
        raise UserFault(f"{name!r} could be any of {len(matches)} runs: {shown}")
    return matches[0]


def _ambient_credentials() -> S3Credentials:
    from verbatim.stage import S3Credentials

    names = {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
        "region": "AWS_REGION",
        "endpoint_url": "AWS_ENDPOINT_URL",
    }
    return S3Credentials.model_validate({field: os.environ.get(name) for field, name in names.items()})
