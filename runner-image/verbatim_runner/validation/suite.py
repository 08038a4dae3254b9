"""Judges a channel's files by a Great Expectations suite. The only module that imports Great Expectations.

Nothing is kept outside the stage's results: the context is ephemeral, and telemetry is switched off before the import.
"""

from __future__ import annotations

import gc
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim.stage import FailedExpectation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from great_expectations import ExpectationSuite

_SHOWN_CHARS = 300


@dataclass(frozen=True)
class Judgement:
    """What a suite said of a channel.

    Attributes:
        evaluated: How many expectations were evaluated.
        failed: Those that the data does not meet, in the suite's order.
        details: Great Expectations' whole result, as JSON values.
    """

    evaluated: int
    failed: tuple[FailedExpectation, ...]
    details: dict[str, Any]


def read_suite(file: Path, name: str, *, field: str) -> dict[str, Any]:
    """Read a suite's JSON; whether its expectations exist is found out when they are built.

    Args:
        file: Where it lies.
        name: How the conf names it.
        field: The conf field, for messages.

    Raises:
        UserFault: There is no such file, or it is not a JSON object with a list of expectations.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserFault(
            f"expected an expectation suite in the code at {name}; there is no such file", field=field
        ) from None
    except (OSError, ValueError) as error:
        raise UserFault(f"the suite {name} is not readable as JSON: {error}", field=field) from None
    expectations = content.get("expectations") if isinstance(content, dict) else None
    if not isinstance(expectations, list) or not expectations:
        form = '{"name": …, "expectations": [{"type": …, "kwargs": {…}}, …]}'
        raise UserFault(f"the suite {name} is malformed: expected {form} with at least one expectation", field=field)
    return {"name": content.get("name") or file.stem, "expectations": expectations}


def build_suite(content: Mapping[str, Any], name: str, *, field: str) -> ExpectationSuite:
    """Build the expectations one by one: Great Expectations itself leaves out those that it does not know.

    Raises:
        UserFault: An expectation does not exist, or its arguments are wrong.
    """
    _import_great_expectations()
    from great_expectations import ExpectationSuite
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    built = []
    for number, item in enumerate(content["expectations"], start=1):
        kind = item.get("type") if isinstance(item, dict) else None
        if not isinstance(kind, str):
            message = (
                f'the suite {name} is malformed: expectation {number} has no "type"; got {str(item)[:_SHOWN_CHARS]}'
            )
            raise UserFault(message, field=field)
        try:
            built.append(ExpectationConfiguration(**item).to_domain_obj())
        except (GreatExpectationsError, TypeError, ValueError) as error:
            reason = "; ".join(line.strip() for line in str(error).splitlines())[:_SHOWN_CHARS]
            raise UserFault(
                f"the suite {name} is malformed: expectation {number} ({kind}): {reason}", field=field
            ) from None
    return ExpectationSuite(name=content["name"], expectations=built)


def _import_great_expectations() -> None:
    """Import the library without collecting garbage meanwhile, of which there is none: a sixth of its time."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    gc.disable()
    try:
        import great_expectations  # noqa: F401
    finally:
        gc.freeze()
        gc.enable()


def judge_frame(frame: pd.DataFrame, suite: ExpectationSuite) -> Judgement:
    """Judge a channel.

    Args:
        frame: All rows of the channel's files, one column a field.
        suite: The expectations.
    """
    import great_expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("verbatim").add_dataframe_asset("channel")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    # NaN is no JSON: what remains of it is written as text.
    result: Any = batch.validate(suite)
    details = json.loads(json.dumps(result.to_json_dict()), parse_constant=str)
    failed = [_describe(result) for result in details["results"] if not result["success"]]
    return Judgement(evaluated=len(details["results"]), failed=tuple(failed), details=details)


def _describe(result: Mapping[str, Any]) -> FailedExpectation:
    configuration = result["expectation_config"]
    column = configuration["kwargs"].get("column")
    return FailedExpectation(
        expectation=configuration["type"],
        column=None if column is None else str(column),
        observed=_observed(result)[:_SHOWN_CHARS],
    )


def _observed(result: Mapping[str, Any]) -> str:
    values = result.get("result") or {}
    raised = _raised(result.get("exception_info") or {})
    if raised:
        return raised
    if "observed_value" in values:
        return json.dumps(values["observed_value"], ensure_ascii=False)
    if "unexpected_count" in values:
        shown = json.dumps(values.get("partial_unexpected_list", [])[:5], ensure_ascii=False)
        return f"{values['unexpected_count']} of {values.get('element_count', '?')} values, such as {shown}"
    return "not met"


def _raised(info: Mapping[str, Any]) -> str | None:
    """Return the message of what an expectation raised; Great Expectations keeps one flat or one for each metric."""
    entries = [info, *(value for value in info.values() if isinstance(value, dict))]
    messages = (entry.get("exception_message") for entry in entries if entry.get("raised_exception"))
    return next((str(message) for message in messages), None)
