"""The store: immutable, content-addressed objects, and live streams."""

from __future__ import annotations

from verbatim.store.live import LiveReader, LiveWriter
from verbatim.store.opening import open_object_store
from verbatim.store.store import Store, hash_file

__all__ = ["LiveReader", "LiveWriter", "Store", "hash_file", "open_object_store"]
