"""Finds what a user means by a name whose lineage is asked for: a run, a model version or data. Reads only."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from verbatim.data.datasets import DIGEST, find_dataset
from verbatim.errors import NotFound, UserFault
from verbatim.lineage import extractions_that_read, lineage_of_data, lineage_of_model, lineage_of_run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from verbatim.catalog import Catalog, ExtractionRow, VersionRow
    from verbatim.store import Store

SubjectKind = Literal["run", "model", "dataset"]
KINDS: frozenset[SubjectKind] = frozenset(("run", "model", "dataset"))
FORMS = "a run, MODEL, MODEL:VERSION, MODEL@ALIAS, a snapshot's digest, RUN:CHANNEL, a table or a URI"
_SHOWN = 10


@dataclass(frozen=True)
class Subject:
    """What a name means.

    Attributes:
        kind: Which of the three.
        words: What it is, for messages.
        lineage: Returns its lineage, as ``verbatim.lineage`` tells it.
    """

    kind: SubjectKind
    words: str
    lineage: Callable[[], dict[str, Any]]


class Subjects:
    """All that has a lineage.

    Args:
        store: Where documents lie.
        catalog: The index.
        find_run: Returns the id of the run that a name means; raises ``NotFound`` or ``UserFault``.
    """

    def __init__(self, store: Store, catalog: Catalog, find_run: Callable[[str], str]) -> None:
        self._store = store
        self._catalog = catalog
        self._find_run = find_run

    def find(self, name: str, kind: SubjectKind | None = None) -> Subject:
        """Return the one thing that a name means: a whole name comes before the beginning or end of one.

        Args:
            name: In one of ``FORMS``.
            kind: What it must be, where it could be several.

        Raises:
            NotFound: There is no such thing; the message tells what there is.
            UserFault: It could be several things; the message lists them.
        """
        kinds = frozenset((kind,)) if kind else KINDS
        for interpret in (self._spelled_out, self._whole, self._part):
            found = [subject for subject in interpret(name, kinds) if subject.kind in kinds]
            if len(found) > 1:
                listed = " or ".join(f"{subject.words} (--kind {subject.kind})" for subject in found)
                raise UserFault(f"{name!r} could be {listed}; say which", field="NAME")
            if found:
                return found[0]
        raise NotFound(self._nothing(name, kind))

    def _spelled_out(self, name: str, kinds: Collection[SubjectKind]) -> list[Subject]:
        """Return what a name with ``@`` or ``:`` in it means."""
        if "://" in name:
            return []
        if "@" in name:
            model, alias = name.split("@", 1)
            return [self._model(self._catalog.resolve(model, f"@{alias}"))]
        model, colon, rest = name.partition(":")
        if not colon:
            return []
        if "model" in kinds and rest.isdecimal() and self._catalog.versions(model):
            return [self._model(self._catalog.resolve(model, rest))]
        return [self._channel(name)]

    def _whole(self, name: str, kinds: Collection[SubjectKind]) -> list[Subject]:
        """Return what has exactly this name."""
        found = []
        if "model" in kinds and self._catalog.versions(name):
            found.append(self._model(self._catalog.resolve(name)))
        if "run" in kinds and (name == "latest" or self._is_run(name)):
            found.append(self._run(self._find_run(name)))
        if "dataset" in kinds and (rows := extractions_that_read(self._store, self._catalog, name)):
            found.append(self._data(name, "the place" if "://" in name else "the table", rows))
        return found

    def _part(self, name: str, kinds: Collection[SubjectKind]) -> list[Subject]:
        """Return the snapshot whose digest, and the run whose id, has this beginning (a run's also this end)."""
        found = []
        if "dataset" in kinds and DIGEST.fullmatch(name) and self._catalog.extractions_into(name):
            found.append(self._channel(name))
        if "run" in kinds:
            with suppress(NotFound):
                found.append(self._run(self._find_run(name)))
        return found

    def _is_run(self, name: str) -> bool:
        try:
            return self._catalog.run(name).run_id == name
        except NotFound:
            return False

    def _run(self, run_id: str) -> Subject:
        return Subject("run", f"the run {run_id}", lambda: lineage_of_run(self._store, self._catalog, run_id))

    def _model(self, version: VersionRow) -> Subject:
        words = f"the model {version.name}, version {version.version}"
        return Subject("model", words, lambda: lineage_of_model(self._store, self._catalog, version))

    def _channel(self, name: str) -> Subject:
        found = find_dataset(self._store, self._catalog, name, self._find_run).snapshot
        return self._data(found.digest, "the snapshot", self._catalog.extractions_into(found.digest))

    def _data(self, name: str, what: str, rows: list[ExtractionRow]) -> Subject:
        def lineage() -> dict[str, Any]:
            return lineage_of_data(self._catalog, name, rows)

        return Subject("dataset", f"{what} {name}", lineage)

    def _nothing(self, name: str, kind: SubjectKind | None) -> str:
        models = sorted({version.name for version in self._catalog.versions()})
        there = {
            "models": ", ".join(models[:_SHOWN]) or "none",
            "data": ", ".join(self._catalog.source_names(_SHOWN)) or "none",
            "runs": "see `verbatim runs`",
        }
        listed = "; ".join(f"{what}: {names}" for what, names in there.items())
        return f"no {kind or 'run, model or data'} is called {name!r}. Expected {FORMS}. There are {listed}"
