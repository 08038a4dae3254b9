"""What a task opens on its worker: settings, store, catalog and the books of runs. Loaded when a task executes."""

from __future__ import annotations

from dataclasses import dataclass

from verbatim.catalog import Catalog
from verbatim.lifecycle import RunLifecycle
from verbatim.settings import PlatformSettings, load_settings
from verbatim.store import Store
from verbatim_operators.credentials import store_credentials


@dataclass(frozen=True)
class Platform:
    """The platform as a worker sees it."""

    settings: PlatformSettings
    store: Store
    catalog: Catalog
    lifecycle: RunLifecycle


def open_platform() -> Platform:
    """Open what the worker's settings name.

    Raises:
        PlatformFault: The settings are wrong, or the store or the catalog does not answer.
    """
    settings = load_settings()
    store = Store(settings.store_url, store_credentials(settings))
    catalog = Catalog(settings.catalog_url)
    return Platform(settings, store, catalog, RunLifecycle(store, catalog, settings))
