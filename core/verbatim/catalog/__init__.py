"""The catalog: the relational index over the store, and the one place of mutable state."""

from __future__ import annotations

from verbatim.catalog.catalog import Catalog
from verbatim.catalog.extractions import source_key
from verbatim.catalog.tables import AuditRow, ExtractionRow, RunRow, RunStatus, VersionRow, VersionStatus

__all__ = ["AuditRow", "Catalog", "ExtractionRow", "RunRow", "RunStatus", "VersionRow", "VersionStatus", "source_key"]
