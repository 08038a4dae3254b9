"""validate: expectation suites over the channels' snapshots; data that fails one ends the run."""

from __future__ import annotations

import json

from verbatim.errors import ExpectationFailed
from verbatim.stage import ExtractOutputs, SuiteResult, ValidateOutputs
from verbatim_runner.sources.code import store_code
from verbatim_runner.sources.workspace import place_snapshot, unpack_code
from verbatim_runner.stage_context import StageContext, StageFailed
from verbatim_runner.validation.frame import read_frame
from verbatim_runner.validation.page import render_page
from verbatim_runner.validation.suite import build_suite, judge_frame, read_suite

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
        channel: read_suite(project / path, path, field=f"validation.{channel}")
        for channel, path in sorted(spec.validation.items())
    }
    results = {channel: _judge(context, channel, content) for channel, content in suites.items()}
    outputs = ValidateOutputs(results=results)
    if not all(result.passed for result in results.values()):
        raise StageFailed(_failure(results), outputs)
    return outputs


def _judge(context: StageContext, channel: str, content: dict[str, object]) -> SuiteResult:
    field = f"validation.{channel}"
    suite = build_suite(content, context.request.spec.validation[channel], field=field)
    directory = context.work_dir / "data" / channel
    snapshot = place_snapshot(context, context.outputs_of("extract", ExtractOutputs).snapshots[channel], directory)
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
