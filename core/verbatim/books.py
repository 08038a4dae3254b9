"""What a stage's result changes in the books: its run's status, the audit, the model's version, the manifest.

It reads results and runs nothing; what the audit tells of an extraction is made in ``verbatim.data.extraction``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.data.extraction import audit_entry, extraction_row, failed_entry
from verbatim.documents import now
from verbatim.manifest import Manifest
from verbatim.record import latest_results
from verbatim.spec import RunSpec
from verbatim.stage import EvaluateOutputs, ExtractOutputs, PromoteOutputs, RegisterOutputs
from verbatim.store import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim.catalog import Catalog, RunStatus
    from verbatim.stage import StageError, StageName, StageResult
    from verbatim.store import Store


class Books:
    """The books of runs.

    Args:
        store: Where documents lie.
        catalog: The index, and all mutable state.
    """

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def enter(self, result: StageResult) -> None:
        """Enter what a stage's result says."""
        if result.error:
            self._book_failure(result, result.error)
        elif isinstance(result.outputs, ExtractOutputs):
            self._book_extraction(result, result.outputs)
        elif isinstance(result.outputs, RegisterOutputs):
            self._book_registration(result, result.outputs)
        elif isinstance(result.outputs, PromoteOutputs):
            self._seal(result.run_id)
            self._catalog.update_run(result.run_id, status="succeeded", stage="promote")

    def _book_failure(self, result: StageResult, error: StageError) -> None:
        if result.stage == "extract":
            run_id, actor = result.run_id, self._catalog.run(result.run_id).actor
            told = failed_entry(self._spec(run_id).data, error)
            self._catalog.book_failed_extraction(run_id, result.try_number, actor=actor, details=told)
        if error.kind == "gate":
            self._catalog.update_run(result.run_id, stage=result.stage, error=error.message)
            return
        status: RunStatus = "cancelled" if error.kind == "stopped" else "failed"
        message = f"{error.field}: {error.message}" if error.field else error.message
        self._catalog.update_run(result.run_id, status=status, stage=result.stage, error=message)

    def _book_extraction(self, result: StageResult, outputs: ExtractOutputs) -> None:
        spec, actor = self._spec(result.run_id), self._catalog.run(result.run_id).actor
        for channel, snapshot in outputs.snapshots.items():
            pinned = spec.data[channel]
            row = extraction_row(result, channel, pinned, snapshot)
            self._catalog.book_extraction(row, actor=actor, details=audit_entry(result, channel, pinned, snapshot))

    def _book_registration(self, result: StageResult, outputs: RegisterOutputs) -> None:
        """Commit the version; a run that missed a gate ends here, since nothing is left to be promoted."""
        status = outputs.status
        if outputs.name and outputs.version and outputs.digest and status:
            self._catalog.commit_version(outputs.name, outputs.version, digest=outputs.digest, status=status)
        if _missed_a_gate(latest_results(self._store, result.run_id)):
            self._seal(result.run_id)
            self._catalog.update_run(result.run_id, status="rejected", stage="register")

    def _seal(self, run_id: str) -> None:
        """Write the manifest, last and once."""
        key = layout.manifest(run_id)
        if self._store.exists(key):
            return
        spec, results = self._spec(run_id), latest_results(self._store, run_id)
        registered = results["register"].outputs
        named = isinstance(registered, RegisterOutputs) and registered.name
        manifest = Manifest(
            run_id=run_id,
            spec=spec,
            spec_digest=spec.content_digest(),
            stages=results,
            verdict="rejected" if _missed_a_gate(results) else "candidate" if named else "no_model",
            sealed_at=now(),
        )
        self._store.publish(key, manifest)

    def _spec(self, run_id: str) -> RunSpec:
        return self._store.read(layout.spec(run_id), RunSpec)


def _missed_a_gate(results: Mapping[StageName, StageResult]) -> bool:
    evaluated = results["evaluate"].outputs if "evaluate" in results else None
    return isinstance(evaluated, EvaluateOutputs) and not evaluated.passed
