"""Expectation suites: read, and built into Great Expectations' own objects. With ``judge``, all that imports it."""

from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim_runner.validation.harmless import demand_harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

    from great_expectations.expectations.expectation import Expectation

NEED_SQL = {
    "unexpected_rows_expectation",
    "expect_query_results_to_match_comparison",
    "expect_table_row_count_to_equal_other_table",
    "expect_column_values_to_match_like_pattern",
    "expect_column_values_to_match_like_pattern_list",
    "expect_column_values_to_not_match_like_pattern",
    "expect_column_values_to_not_match_like_pattern_list",
}
"""Great Expectations judges by these only what is in a database."""
_SHOWN_CHARS = 300


def read_suite(text: bytes, name: str, *, field: str) -> dict[str, Any]:
    """Read a suite's JSON; whether its expectations exist is found out when they are built.

    Args:
        text: The file's content.
        name: How the conf names it.
        field: The conf field, for messages.

    Raises:
        UserFault: It is not a JSON object with a list of expectations.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UserFault(f"the suite {name} is not readable as JSON: {error}", field=field) from None
    expectations = content.get("expectations") if isinstance(content, dict) else None
    if not isinstance(expectations, list) or not expectations:
        form = '{"name": …, "expectations": [{"type": …, "kwargs": {…}}, …]}'
        raise UserFault(f"the suite {name} is malformed: expected {form} with at least one expectation", field=field)
    stem = name.rpartition("/")[2].removesuffix(".json")
    return {"name": str(content.get("name") or stem), "expectations": expectations}


def build_suite(content: Mapping[str, Any], name: str, *, field: str) -> tuple[Expectation, ...]:
    """Build the expectations one by one: Great Expectations itself leaves out those that it does not know.

    Args:
        content: As ``read_suite`` returns it.
        name: How the conf names the suite.
        field: The conf field, for messages.

    Raises:
        UserFault: An expectation does not exist, its arguments are wrong, or files cannot be judged by it.
    """
    _import_great_expectations()
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
        if kind in NEED_SQL:
            message = f"the suite {name}: expectation {number} ({kind}) is for databases, and a snapshot is files"
            raise UserFault(message, field=field)
        try:
            expectation = ExpectationConfiguration(**item).to_domain_obj()
            demand_harmless(expectation.configuration.kwargs)
            built.append(expectation)
        except (GreatExpectationsError, TypeError, ValueError) as error:
            reason = "; ".join(line.strip() for line in str(error).splitlines())[:_SHOWN_CHARS]
            raise UserFault(
                f"the suite {name} is malformed: expectation {number} ({kind}): {reason}", field=field
            ) from None
    return tuple(built)


def _import_great_expectations() -> None:
    """Import the library without collecting garbage meanwhile, of which there is none: a sixth of its time."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    gc.disable()
    try:
        import great_expectations  # noqa: F401
    finally:
        gc.freeze()
        gc.enable()
