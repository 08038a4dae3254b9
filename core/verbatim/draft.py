"""A suite that is drafted from a snapshot: what ``verbatim profile`` shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from verbatim.documents import Document


class DraftSuite(Document):
    """A Great Expectations suite that its snapshot meets."""

    schema_version: Literal[1] = 1
    name: str = Field(description="the channel's")
    rows: int = Field(description="of the snapshot")
    columns: int
    expectations: tuple[dict[str, JsonValue], ...]
    left_out: tuple[str, ...] = Field((), description="columns of which nothing but their name is said")

    def suite(self) -> dict[str, JsonValue]:
        """Return the suite as a file in the code or in config/expectations holds it."""
        return {"name": self.name, "expectations": list(self.expectations)}
