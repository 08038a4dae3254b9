"""Extractions: which run read what, into which snapshot; so that what was made of a source is a lookup."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, delete, insert, or_, select, update

from verbatim.catalog.audit import note
from verbatim.catalog.database import Database, insert_once, row_as
from verbatim.catalog.tables import ExtractionRow, audit, extraction_names, extractions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement, Select

NAME_CHARS = 500
DIGEST_CHARS = 64


class Extractions(Database):
    """What was extracted."""

    def book_extraction(self, row: ExtractionRow, *, actor: str, details: Mapping[str, Any]) -> None:
        """Enter an extraction in place of an earlier try's, and note it in the audit; booked again, nothing changes.

        Args:
            row: What was extracted.
            actor: In whose name.
            details: For the audit; no secrets.
        """
        this = (extractions.c.run_id == row.run_id) & (extractions.c.channel == row.channel)
        values = asdict(row) | {"sources": list(row.sources)}
        with self._writing() as connection:
            if not insert_once(connection, extractions, values):
                earlier = update(extractions).where(this, extractions.c.try_number < row.try_number)
                if not connection.execute(earlier.values(**values)).rowcount:
                    return
            key = {"run_id": row.run_id, "channel": row.channel}
            named = extraction_names.c
            mine = delete(extraction_names).where(named.run_id == row.run_id, named.channel == row.channel)
            connection.execute(mine)
            for name, whole in names_of(row.sources).items():
                connection.execute(insert(extraction_names).values(**key, name=name, whole=whole))
            note(connection, actor, "extract", row.run_id, details)

    def book_failed_extraction(self, run_id: str, try_number: int, *, actor: str, details: Mapping[str, Any]) -> None:
        """Note in the audit that a try extracted nothing; booked again, nothing changes.

        Args:
            run_id: The run.
            try_number: The try of its extract stage.
            actor: In whose name.
            details: Why; no secrets.
        """
        tries = select(audit.c.details).where(audit.c.subject == run_id, audit.c.action == "extract_failed")
        with self._writing() as connection:
            if all(told.get("try_number") != try_number for told in connection.scalars(tries)):
                note(connection, actor, "extract_failed", run_id, {"try_number": try_number, **details})

    def extractions_into(self, digest: str) -> list[ExtractionRow]:
        """Return the extractions that gave a snapshot, the oldest first.

        Args:
            digest: Of the snapshot, or the beginning of it.
        """
        low, high = digest.ljust(DIGEST_CHARS, "0"), digest.ljust(DIGEST_CHARS, "f")
        return self._extractions(extractions.c.snapshot.between(low, high))

    def extractions_from(self, name: str) -> list[ExtractionRow]:
        """Return the extractions that read a source, the oldest first.

        Args:
            name: A table, with or without its database, in any case and quoting; or a URI: that of an extraction, a
                place around it, or something in it.
        """
        key = source_key(name)
        around = [other for other in names_of([name]) if other != key] if _is_place(key) else []
        named = extraction_names.c
        inside = named.whole & named.name.in_(around)
        return self._extractions(or_(named.name == key, inside), by_name=True)

    def source_names(self, limit: int = 20) -> list[str]:
        """Return some of the sources that were read, by name."""
        named = extraction_names.c
        query = select(named.name).where(named.whole).distinct().order_by(named.name).limit(limit)
        with self._reading() as connection:
            return list(connection.scalars(query))

    def _extractions(self, condition: ColumnElement[bool], *, by_name: bool = False) -> list[ExtractionRow]:
        query: Select[Any] = select(extractions).where(condition).order_by(extractions.c.at, extractions.c.run_id)
        if by_name:
            query = query.join(extraction_names)
        with self._reading() as connection:
            found: dict[Any, Row[Any]] = {(row.run_id, row.channel): row for row in connection.execute(query)}
        return [row_as(ExtractionRow, row) for row in found.values()]


def source_key(name: str) -> str:
    """Return a source's name as it is looked up: of a table in lower case and unquoted, of a place as it is."""
    scheme, is_place, path = name.strip().partition("://")
    if is_place:
        return f"{scheme}://{path.rstrip('/')}"[:NAME_CHARS]
    return ".".join(part.strip(' `"[]') for part in scheme.lower().split("."))[:NAME_CHARS]


def names_of(sources: Iterable[str]) -> dict[str, bool]:
    """Return the names under which sources are found, and whether each is a source's whole name.

    Of a table its last parts, too (``lake.events`` and ``events``); of a place also all places around it.
    """
    names: dict[str, bool] = {}
    for source in sources:
        key = source_key(source)
        for other in _places_around(key) if _is_place(key) else _last_parts(key):
            names.setdefault(other, False)
        names[key] = True
    return names


def _is_place(name: str) -> bool:
    return "://" in name


def _last_parts(table: str) -> list[str]:
    parts = table.split(".")
    return [".".join(parts[start:]) for start in range(1, len(parts))]


def _places_around(uri: str) -> list[str]:
    """Return the prefixes of whole path segments, from the bucket or root on."""
    scheme, _, path = uri.partition("://")
    parts = path.split("/")
    return [f"{scheme}://{'/'.join(parts[:end])}" for end in range(1, len(parts))]
