"""The store: immutable, content-addressed objects, and live streams."""

from __future__ import annotations

from verbatim.store.live import LiveReader, LiveWriter
from verbatim.store.store import Store, hash_file, open_object_store

__all__ = ["LiveReader", "LiveWriter", "Store", "hash_file", "open_object_store"]
