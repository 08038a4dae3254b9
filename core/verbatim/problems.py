"""What is wrong with a document, in plain words: pydantic's findings, told as one problem a field.

Knows documents only by their annotations; it raises nothing and knows no error.
"""

from __future__ import annotations

import difflib
import json
import re
import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

MAX_SHOWN_CHARS = 120

_TYPES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    datetime: "a moment such as 2026-01-31 or 2026-01-31T12:00:00Z",
    type(None): "null",
}
_BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "of at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "of at most {le}",
}


class Problem(BaseModel):
    """One thing that is wrong with a document, such as a conf."""

    model_config = ConfigDict(frozen=True)

    field: str
    expected: str
    got: str
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.field}: expected {self.expected}; got {self.got}."
        return f"{text} {self.hint}" if self.hint else text


def problems_of(error: ValidationError, document: type[BaseModel]) -> list[Problem]:
    """Translate pydantic's findings into problems in plain words.

    Args:
        error: What the document's validation raised.
        document: The document's class.

    Returns:
        One problem a field, in pydantic's order.
    """
    problems: dict[str, Problem] = {}
    for finding in error.errors(include_url=False):
        problem = _problem(finding, document)
        problems.setdefault(problem.field, problem)
    return list(problems.values())


def printable(text: str) -> str:
    """Return text that any UTF-8 file and PostgreSQL take: NUL and lone surrogates are shown escaped."""
    return text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()


def shown(value: object) -> str:
    """Return a value as JSON for a message: cut at ``MAX_SHOWN_CHARS``, without the users and passwords of URLs."""
    try:
        plain = printable(json.dumps(value, ensure_ascii=False, default=repr))
    except (ValueError, TypeError, RecursionError):  # a number of thousands of digits, a key that is no text, a circle
        plain = f"a value that JSON does not have ({type(value).__name__})"
    text = re.sub(r"(\w://)[^/\s\"@]*@", r"\1***@", plain)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"


def _problem(finding: ErrorDetails, document: type[BaseModel]) -> Problem:
    path, annotation = _place(finding["loc"], document)
    field = ".".join(path) or "conf"
    kind = finding["type"]
    if kind == "missing":
        return Problem(field=field, expected="a value", got="nothing")
    if kind == "extra_forbidden":
        key = path[-1]
        _, parent = _place(finding["loc"][:-1], document)
        known = list(parent.model_fields) if _is_model(parent) else []
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        return Problem(field=field, expected="a known key", got=f"the unknown key {key!r}", hint=hint)
    return Problem(field=field, expected=_expected(finding, annotation), got=shown(finding["input"]))


def _place(location: Sequence[int | str], document: type[BaseModel]) -> tuple[list[str], Any]:
    """Return the user's path to a finding, without pydantic's own parts, and the annotation there."""
    path: list[str] = []
    annotation: Any = document
    for part in location:
        annotation = without_null(annotation)
        if _is_union(annotation) or part == "[key]":
            break
        path.append(str(part))
        if _is_model(annotation):
            known = annotation.model_fields.get(str(part))
            annotation = known.annotation if known else None
        else:
            annotation = next(iter(get_args(annotation)[-1 if isinstance(part, str) else 0 :]), None)
    return path, without_null(annotation)


def _expected(finding: ErrorDetails, annotation: Any) -> str:
    kind, context = finding["type"], finding.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return finding["msg"].split(", ", 1)[1]
    if _is_union(annotation):
        return in_words(annotation)
    if kind in _BOUNDS:
        return f"{in_words(annotation)} {_BOUNDS[kind].format(**context)}"
    if kind == "finite_number":
        return "a finite number"
    if kind == "string_too_short":
        return "text that is not empty"
    if kind.endswith(("_type", "_parsing", "_from_float")) or kind.startswith(("datetime_", "literal_")):
        return in_words(annotation)
    return finding["msg"].removeprefix("Input should be ")


def in_words(annotation: Any) -> str:
    """Return what an annotation admits, such as ``text or a list of text``."""
    annotation = without_null(annotation)
    if annotation in _TYPES:
        return _TYPES[annotation]
    if _is_model(annotation):
        return "an object"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _either([repr(value) for value in arguments])
    if _is_union(annotation):
        words = dict.fromkeys(in_words(member) for member in arguments if member is not type(None))
        if _TYPES[float] in words:
            words.pop(_TYPES[int], None)
        return _either(list(words))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "an object"
    return "a list of text" if arguments[:1] == (str,) else "a list"


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def without_null(annotation: Any) -> Any:
    """Return an annotation without what pydantic is told beside it, and without ``None`` where that leaves one type."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if _is_union(annotation):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) == 1:
            return without_null(members[0])
    return annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in {Union, types.UnionType}


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
