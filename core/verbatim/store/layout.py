"""Where each thing lies in the store: the only module that spells keys.

::

    blobs/sha256/<2>/<digest>               every file once
    runs/<run_id>/spec.json                 frozen
    runs/<run_id>/stages/<stage>/<n>.request.json
    runs/<run_id>/stages/<stage>/<n>.packages.json   the system packages that the n-th try needs, where it lacks some
    runs/<run_id>/stages/<stage>/<n>.json   result of the n-th try
    runs/<run_id>/stages/<stage>/<n>.overruled.json   what counts instead, where a try that says success was stopped
    runs/<run_id>/stages/<stage>/log/<n>-<segment>.log
    runs/<run_id>/metrics/<n>-<segment>.jsonl
    runs/<run_id>/live.json                 the address of the training's live server, as of its last try
    runs/<run_id>/checkpoints.json          the training's checkpoints so far; rewritten as they come
    runs/<run_id>/manifest.json             written last, once
    models/<name>/<version>/model.json      names blobs; never rewritten
    indexes/<kind>/<digest>.json            what was made of an input before: snapshots, locks, validations
    indexes/extractions/<digest>.json       what a source gave before, as of a moment and at last, whatever it holds now
    indexes/quarantine/<digest>.json        a snapshot that did not meet its suite, by its digest; it is not used again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim.stage import StageName


def blob(digest: str) -> str:
    """Return the key of a blob by its SHA-256."""
    return f"blobs/sha256/{digest[:2]}/{digest}"


def run_prefix(run_id: str) -> str:
    """Return the prefix of everything of a run."""
    return f"runs/{run_id}"


def spec(run_id: str) -> str:
    """Return the key of a run's spec."""
    return f"{run_prefix(run_id)}/spec.json"


def stages_prefix(run_id: str) -> str:
    """Return the prefix of all stages of a run."""
    return f"{run_prefix(run_id)}/stages"


def stage_prefix(run_id: str, stage: StageName) -> str:
    """Return the prefix of a stage's documents and log."""
    return f"{stages_prefix(run_id)}/{stage}"


def stage_request(run_id: str, stage: StageName, try_number: int) -> str:
    """Return the key of what a try of a stage was asked."""
    return f"{stage_prefix(run_id, stage)}/{try_number}.request.json"


def system_packages(run_id: str, stage: StageName, try_number: int) -> str:
    """Return the key of the system packages that a try of a stage needs."""
    return f"{stage_prefix(run_id, stage)}/{try_number}.packages.json"


def stage_result(run_id: str, stage: StageName, try_number: int) -> str:
    """Return the key of what a try of a stage answered."""
    return f"{stage_prefix(run_id, stage)}/{try_number}.json"


def overruling(run_id: str, stage: StageName, try_number: int) -> str:
    """Return the key of what counts instead of a try's own result: it said success, and was stopped or killed."""
    return f"{stage_prefix(run_id, stage)}/{try_number}.overruled.json"


def log_prefix(run_id: str, stage: StageName) -> str:
    """Return the prefix of a stage's log segments."""
    return f"{stage_prefix(run_id, stage)}/log"


def metrics_prefix(run_id: str) -> str:
    """Return the prefix of a run's metric segments."""
    return f"{run_prefix(run_id)}/metrics"


def live(run_id: str) -> str:
    """Return the key of the address of a run's live server."""
    return f"{run_prefix(run_id)}/live.json"


def checkpoints(run_id: str) -> str:
    """Return the key of the list of a run's checkpoints."""
    return f"{run_prefix(run_id)}/checkpoints.json"


def manifest(run_id: str) -> str:
    """Return the key of a run's manifest."""
    return f"{run_prefix(run_id)}/manifest.json"


def model(name: str, version: int) -> str:
    """Return the key of a model version's document."""
    return f"models/{name}/{version}/model.json"


def index(kind: str, digest: str) -> str:
    """Return the key of an index entry: what was made of an input before."""
    return f"indexes/{kind}/{digest}.json"


def quarantine(digest: str) -> str:
    """Return the key of the note that a snapshot, by the digest of its files, did not meet a suite."""
    return index("quarantine", digest)
