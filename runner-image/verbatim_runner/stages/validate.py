"""validate: expectation suites over the channels' snapshots; data that fails one ends the run.

What a suite says of data is a function of suite, data and image alone: data that passed is not judged again.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from verbatim.errors import ExpectationFailed, NotFound
from verbatim.stage import ExtractOutputs, SuiteResult, ValidateOutputs
from verbatim.store import layout
from verbatim_runner.sources.code import store_code
from verbatim_runner.sources.workspace import place_snapshot, unpack_code
from verbatim_runner.stage_context import StageContext, StageFailed
from verbatim_runner.validation.frame import read_frame
from verbatim_runner.validation.page import render_page
from verbatim_runner.validation.suite import build_suite, judge_frame, read_suite

if TYPE_CHECKING:
    from verbatim.stage import SnapshotRef

_NAMED = 10


def run(context: StageContext) -> ValidateOutputs:
    """Judge every channel that has a suite.

    Raises:
        UserFault: A suite is not there or malformed, or a file cannot be read as what its name says.
        StageFailed: An expectation is not met; with the results.
    """
    spec = context.request.spec
    project = unpack_code(context, store_code(context), spec.code.subdirectory, context.work_dir / "code")
    suites = {
        channel: read_suite(project / asked.suite, asked.suite, field=f"validation.{channel}")
        for channel, asked in sorted(spec.validation.items())
    }
    results = {channel: _judge(context, channel, content) for channel, content in suites.items()}
    outputs = ValidateOutputs(results=results)
    if not all(result.passed for result in results.values()):
        raise StageFailed(_failure(results), outputs)
    return outputs


def _judge(context: StageContext, channel: str, content: dict[str, object]) -> SuiteResult:
    snapshot = context.outputs_of("extract", ExtractOutputs).snapshots[channel]
    index = _index(context, snapshot, content)
    known = _known(context, index)
    if known:
        context.console.say(f"{channel}: the same data met the same {known.evaluated} expectations before")
        return known
    result = _judge_anew(context, channel, snapshot, content)
    if result.passed:
        context.store.overwrite(index, result.canonical())
    return result


def _index(context: StageContext, snapshot: SnapshotRef, content: dict[str, object]) -> str:
    parts = (snapshot.digest, context.request.spec.image.digest, json.dumps(content, sort_keys=True))
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


def _judge_anew(context: StageContext, channel: str, ref: SnapshotRef, content: dict[str, object]) -> SuiteResult:
    field = f"validation.{channel}"
    suite = build_suite(content, context.request.spec.validation[channel].suite, field=field)
    directory = context.work_dir / "data" / channel
    snapshot = place_snapshot(context, ref, directory)
    frame = read_frame(directory, [file.path for file in snapshot.files], field=field)
    judgement = judge_frame(frame, suite)
    details = json.dumps(judgement.details, indent=1, sort_keys=True).encode()
    page = render_page(channel, str(content["name"]), len(frame), judgement).encode()
    context.console.say(
        f"{channel}: {judgement.evaluated - len(judgement.failed)} of {judgement.evaluated} expectations met"
    )
    return SuiteResult(
        passed=not judgement.failed,
        evaluated=judgement.evaluated,
        failed=judgement.failed,
        result=context.store.put_bytes(details, f"validation/{channel}.json"),
        data_docs=context.store.put_bytes(page, f"validation/{channel}.html"),
    )


def _failure(results: dict[str, SuiteResult]) -> ExpectationFailed:
    lines = []
    for channel, result in results.items():
        if result.failed:
            lines.append(
                f"the channel {channel} does not meet {len(result.failed)} of {result.evaluated} expectations:"
            )
        for failed in result.failed[:_NAMED]:
            subject = f"{failed.expectation} on {failed.column}" if failed.column else failed.expectation
            lines.append(f"  - {subject}: observed {failed.observed}")
    channel = next(name for name, result in results.items() if result.failed)
    return ExpectationFailed("\n".join(lines), field=f"validation.{channel}")
