"""validate: expectation suites over the channels' snapshots; data that fails one ends the run, or is warned of.

What a suite says of data is a function of suite, data and image alone: data that passed is not judged again. A snapshot
that fails is put into quarantine: no later run takes it for its source unseen.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from verbatim.documents import now
from verbatim.errors import ExpectationFailed, NotFound, UserFault
from verbatim.snapshot import Quarantine
from verbatim.stage import ExtractOutputs, SuiteResult, ValidateOutputs
from verbatim.store import layout
from verbatim_runner.sources.code import store_code
from verbatim_runner.sources.workspace import place_snapshot, unpack_code
from verbatim_runner.stage_context import StageContext, StageFailed
from verbatim_runner.validation.judgement import judge_files
from verbatim_runner.validation.page import render_page
from verbatim_runner.validation.suite import build_suite, read_suite
from verbatim_runner.validation.verdict import failed_expectations, in_words

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.spec import PinnedSuite
    from verbatim.stage import SnapshotRef


def run(context: StageContext) -> ValidateOutputs:
    """Judge every channel that has a suite.

    Raises:
        UserFault: A suite is not there or malformed, or a file cannot be read as what its name says.
        StageFailed: An expectation is not met that ends a run; with the results.
    """
    suites = _suites(context)
    results = {channel: _judge(context, channel, content) for channel, content in suites.items()}
    outputs = ValidateOutputs(results=results)
    failing = {channel: result for channel, result in results.items() if not result.passed}
    if failing:
        told = "\n".join(_told(channel, result, "fail") for channel, result in failing.items())
        raise StageFailed(ExpectationFailed(told, field=f"validation.{next(iter(failing))}"), outputs)
    return outputs


def _suites(context: StageContext) -> dict[str, dict[str, Any]]:
    """Return each channel's suite; the code is laid out only where one lies in it."""
    asked = sorted(context.request.spec.validation.items())
    project = None
    if any(pinned.content is None for _, pinned in asked):
        subdirectory = context.request.spec.code.subdirectory
        project = unpack_code(context, store_code(context), subdirectory, context.work_dir / "code")
    return {
        channel: read_suite(_text(context, channel, pinned, project), pinned.suite, field=f"validation.{channel}")
        for channel, pinned in asked
    }


def _text(context: StageContext, channel: str, pinned: PinnedSuite, project: Path | None) -> bytes:
    if pinned.content is not None:
        return context.store.get_blob(pinned.content)
    assert project is not None
    file = project / pinned.suite
    if not file.resolve().is_relative_to(project.resolve()) or not file.is_file():
        message = f"expected an expectation suite in the code at {pinned.suite}; there is no such file"
        raise UserFault(message, field=f"validation.{channel}")
    return file.read_bytes()


def _judge(context: StageContext, channel: str, content: dict[str, Any]) -> SuiteResult:
    snapshot = context.outputs_of("extract", ExtractOutputs).snapshots[channel]
    index = _index(context, channel, snapshot, content)
    known = _known(context, index)
    result = known or _judge_anew(context, channel, snapshot, content)
    if known:
        context.console.say(f"{channel}: the same data was judged by the same {known.evaluated} expectations before")
    elif result.passed:
        context.store.overwrite(index, result.canonical())
    if not result.passed:
        _quarantine(context, channel, snapshot, result)
        return result
    if result.failed:
        context.warn(_told(channel, result, "warn"))
    else:
        _release(context, channel, snapshot)
        context.console.say(f"{channel}: {result.evaluated} of {result.evaluated} expectations met")
    return result


def _index(context: StageContext, channel: str, snapshot: SnapshotRef, content: dict[str, Any]) -> str:
    spec = context.request.spec
    severity = spec.validation[channel].severity
    parts = (snapshot.digest, spec.image.digest, severity, json.dumps(content, sort_keys=True))
    return layout.index("validations", hashlib.sha256("\n".join(parts).encode()).hexdigest())


def _known(context: StageContext, index: str) -> SuiteResult | None:
    """Return what was found before, if the store still has all of it."""
    try:
        result = context.store.read(index, SuiteResult)
    except NotFound:
        return None
    pages = [file for file in (result.result, result.data_docs) if file]
    whole = all(context.store.exists(layout.blob(file.sha256)) for file in pages)
    return result.model_copy(update={"reused": True}) if whole else None


def _judge_anew(context: StageContext, channel: str, ref: SnapshotRef, content: dict[str, Any]) -> SuiteResult:
    field, asked = f"validation.{channel}", context.request.spec.validation[channel]
    suite = build_suite(content, asked.suite, field=field)
    directory, scratch = context.work_dir / "data" / channel, context.work_dir / "scratch" / channel
    scratch.mkdir(parents=True)
    snapshot = place_snapshot(context, ref, directory)
    judgement = judge_files(
        directory, [file.path for file in snapshot.files], suite, scratch=scratch, field=field,
        say=lambda text: context.console.say(f"{channel}: {text}"),
    )  # fmt: skip
    failed = failed_expectations(judgement.results, asked.severity)
    details = json.dumps(judgement.details(content["name"]), indent=1, sort_keys=True).encode()
    page = render_page(channel, content["name"], judgement, asked.severity).encode()
    return SuiteResult(
        passed=all(item.severity == "warn" for item in failed),
        evaluated=len(judgement.results),
        failed=failed,
        result=context.store.put_bytes(details, f"validation/{channel}.json"),
        data_docs=context.store.put_bytes(page, f"validation/{channel}.html"),
    )


def _quarantine(context: StageContext, channel: str, snapshot: SnapshotRef, result: SuiteResult) -> None:
    failed = tuple(
        f"{item.expectation} on {item.column}" if item.column else item.expectation
        for item in result.failed
        if item.severity == "fail"
    )
    note = Quarantine(
        suite=context.request.spec.validation[channel].suite, channel=channel, run_id=context.request.run_id,
        at=now(), failed=failed,
    )  # fmt: skip
    context.store.overwrite(layout.quarantine(snapshot.digest), note.canonical())


def _release(context: StageContext, channel: str, snapshot: SnapshotRef) -> None:
    """Lift the quarantine of data that meets the suite now, by which it had failed as that was before."""
    key = layout.quarantine(snapshot.digest)
    try:
        note = context.store.read(key, Quarantine)
    except NotFound:
        return
    if note.suite == context.request.spec.validation[channel].suite and note.channel == channel:
        context.store.overwrite(key, note.model_copy(update={"lifted_by": context.request.run_id}).canonical())


def _told(channel: str, result: SuiteResult, severity: str) -> str:
    return in_words(channel, [item for item in result.failed if item.severity == severity], result.evaluated)
