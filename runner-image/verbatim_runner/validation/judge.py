"""Judges a frame by expectations: Great Expectations' own results, in the suite's order, as plain JSON values.

There is no data context, so nothing is kept but the results, and nobody is told.
"""

from __future__ import annotations

import decimal
import json
from typing import TYPE_CHECKING, Any

from verbatim_runner.validation.rows import MAX_ROWS, as_json, as_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from great_expectations.expectations.expectation import Expectation

PARTIAL = 20
"""How many values that do not meet an expectation its result shows."""
_FORMAT = {"result_format": "SUMMARY", "include_unexpected_rows": True, "partial_unexpected_count": PARTIAL}
_LEFT_OUT = ("partial_unexpected_counts", "partial_unexpected_index_list")
"""They say of the values that are shown, and not of all, how often they occur and where."""

Result = dict[str, Any]
"""Of one expectation; ``result.unexpected_rows`` is a list of rows."""


def judge(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> list[Result]:
    """Return the result of each expectation, in their order.

    Its data sources are gone around: they hash all of the frame, twice, which takes longer than to judge
    it, and more memory than it has.

    Args:
        frame: One column a field; its index numbers the rows.
        expectations: Of a suite.
    """
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.validator.validator import Validator

    engine = PandasExecutionEngine()
    engine.load_batch_data("channel", frame)
    validator = Validator(execution_engine=engine)
    validator.metrics_calculator.show_progress_bars = False
    configurations = [expectation.configuration for expectation in expectations]
    for number, configuration in enumerate(configurations):
        configuration.id = str(number)
    results: list[Result] = [{} for _ in expectations]
    for result in validator.graph_validate(configurations, runtime_configuration={"result_format": dict(_FORMAT)}):
        rows = (result.result or {}).pop("unexpected_rows", None)
        plain = _plain(result)
        number = int(plain["expectation_config"].pop("id"))
        if rows is not None:
            plain["result"]["unexpected_rows"] = as_rows(rows.head(MAX_ROWS), columns_of(plain))
        results[number] = plain
    return results


def columns_of(result: Result) -> list[str]:
    """Return the columns that an expectation's result is about."""
    arguments = result["expectation_config"]["kwargs"]
    single = [arguments[name] for name in ("column", "column_A", "column_B") if name in arguments]
    return [str(column) for column in (*single, *arguments.get("column_list", ()))]


def raised(result: Result) -> str | None:
    """Return the message of what an expectation raised; Great Expectations keeps one flat or one for each metric."""
    info = result.get("exception_info") or {}
    entries = [info, *(value for value in info.values() if isinstance(value, dict))]
    messages = (entry.get("exception_message") for entry in entries if entry.get("raised_exception"))
    return next((str(message) for message in messages), None)


def _plain(result: Any) -> Result:
    """Return a result as JSON values; NaN is no JSON: what remains of it is written as text."""
    for name in _LEFT_OUT:
        (result.result or {}).pop(name, None)
    result.result = _without_decimals(result.result)
    plain: Result = json.loads(json.dumps(result.to_json_dict(), default=as_json), parse_constant=str)
    plain["expectation_config"]["kwargs"].pop("batch_id", None)
    plain |= {"success": bool(result.success), "result": plain.get("result") or {}}
    if message := raised(plain):
        plain["exception_info"] = {"raised_exception": True, "exception_message": message}
    return plain


def _without_decimals(values: Any) -> Any:
    """Return values with floats for decimals, as Great Expectations makes them; it walks the whole stack for each."""
    if isinstance(values, decimal.Decimal):
        return float(values)
    if isinstance(values, dict):
        return {name: _without_decimals(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_without_decimals(value) for value in values]
    return values
