"""Refuses what of an expectation would run code, or read files and hosts, when it is evaluated.

A suite comes with the user's code, and is evaluated where the platform's credentials are. pandas evaluates row
conditions as Python; references of a JSON Schema to others are fetched. What is not known to be harmless is refused.
"""

from __future__ import annotations

import ast
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from verbatim.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NODES = (
    ast.Expression, ast.BoolOp, ast.boolop, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.BitAnd, ast.BitOr, ast.Add,
    ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Compare, ast.cmpop, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple,
    ast.Call, ast.keyword, ast.Attribute,
)  # fmt: skip
_ATTRIBUTES = frozenset({
    "isna", "isnull", "notna", "notnull", "isin", "between", "str", "contains", "startswith", "endswith", "len",
    "lower", "upper", "strip", "dt", "year", "month", "day", "hour", "weekday",
})  # fmt: skip
"""Of columns: none of them writes or reads anything else."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_PLACES = ("$id", "$schema")


def demand_harmless(kwargs: Mapping[str, Any]) -> None:
    """Look at an expectation's arguments.

    Args:
        kwargs: As Great Expectations is given them.

    Raises:
        ValueError: Something of them is not known to be harmless; what, and what is allowed instead.
    """
    condition = kwargs.get("row_condition")
    if condition:  # an empty one is none
        _demand_comparison(_as_pandas(condition))
    _demand_local(kwargs.get("json_schema"))


def _as_pandas(condition: Any) -> str:
    """Return a condition in any of its forms as the text that pandas is given."""
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
    from great_expectations.expectations.row_conditions import PassThroughCondition, deserialize_row_condition

    read: Any = deserialize_row_condition(condition)
    if isinstance(read, str):
        return read
    if isinstance(read, PassThroughCondition):
        return str(read.pass_through_filter)
    return str(PandasExecutionEngine().condition_to_filter_clause(read))


def _demand_comparison(text: str) -> None:
    """Refuse a condition that is more than comparisons of columns with values; it is read just as pandas reads it."""
    from pandas.core.computation.expr import PandasExprVisitor  # type: ignore[attr-defined]  # the stubs lack it
    from pandas.core.computation.ops import LOCAL_TAG  # type: ignore[attr-defined]  # likewise
    from pandas.core.computation.scope import ensure_scope  # type: ignore[attr-defined]  # likewise

    if len(text.splitlines()) != 1:
        raise ValueError("row_condition is not one line")
    try:
        tree = ast.parse(PandasExprVisitor(ensure_scope(0), "pandas", "pandas").preparser(text).strip(), mode="eval")
    except (SyntaxError, ValueError, TokenError, RecursionError, MemoryError) as error:
        raise ValueError(f"row_condition cannot be read: {first_line(error)}") from None
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else ""
        unfit = (
            not isinstance(node, _NODES)
            or name.startswith((LOCAL_TAG, "__"))
            or (isinstance(node, ast.Attribute) and node.attr not in _ATTRIBUTES)
            or (isinstance(node, ast.Call) and not isinstance(node.func, ast.Attribute))
        )
        if unfit:
            told = ", ".join(sorted(_ATTRIBUTES))
            raise ValueError(f"row_condition may only compare columns with values, and use of them {told}; got {text}")


def _demand_local(schema: Any) -> None:
    """Refuse a JSON Schema with references beyond itself, which would be fetched, from files too."""
    drafts = str(schema.get("$schema")) if isinstance(schema, dict) else ""
    places = (*_PLACES, "id") if "draft-03" in drafts or "draft-04" in drafts else _PLACES
    for value in _within(schema):
        told = [str(value[name]) for name in _REFERENCES if not str(value.get(name, "#")).startswith("#")]
        if value is not schema:
            told += [value[name] for name in places if isinstance(value.get(name), str)]
        if told:
            raise ValueError(f"json_schema may only refer to parts of itself, such as #/$defs/item; got {told[0]}")


def _within(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
