"""Queries of a conf: checked to be one SELECT that only reads, and given the run's values, never as pasted text.

What a query's author wrote is sent as it was written; nothing is generated from what was parsed. Nothing is run here.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from verbatim.data.sql.agreement import agreed_tokens, parse
from verbatim.data.sql.literals import bound_value, hive_literal
from verbatim.data.sql.rules import bounds_rows, is_ordered, tables_of, token_problems, tree_problems
from verbatim.data.sql.scan import BLANK, Span, lexical_problems, scan
from verbatim.data.templates import templates_in, value_of
from verbatim.errors import RequestError
from verbatim.problems import Problem, shown
from verbatim.spec import BoundQuery, BoundValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlglot import exp

    from verbatim.data.sql.scan import Dialect
    from verbatim.data.templates import Template, Values

MAX_CHARS = 100_000


def bind_query(text: str, values: Values, *, dialect: Dialect, field: str) -> BoundQuery:
    """Check a query and bind the run's values to its templates.

    Args:
        text: What the conf has.
        values: The run's.
        dialect: Of the server: ``hive`` is also Spark's.
        field: The conf field that the query is from.

    Returns:
        The query without the comments and semicolons around it. For Hive every value is a literal in its text; else it
        is text for SQLAlchemy's ``text()``, in which only our own ``:names`` are parameters.

    Raises:
        RequestError: It is not one SELECT that only reads, servers might read it in different ways, or a template
            cannot be bound.
    """
    if len(text) > MAX_CHARS:
        got = f"{len(text)} characters"
        raise RequestError([Problem(field=field, expected=f"a query of at most {MAX_CHARS} characters", got=got)])
    spans = scan(text, dialect)
    if problems := lexical_problems(text, spans, dialect, field):
        raise RequestError(problems)
    templates = {template.start: template for template in templates_in(text, field=field)}
    bound = _bound(text, templates, values, field)
    marks = _marks(text, templates)
    tree = _one_select(_filled(spans, lambda place: f"'{marks[place]}'"), dialect, field)
    _demand_values(tree, {mark: templates[place] for place, mark in marks.items()}, field)
    moments = {mark for place, mark in marks.items() if templates[place].names_a_moment}
    literals = [node for node in tree.walk() if node.key == "literal" and node.name in moments]
    statement, named = _statement(_without_surroundings(spans), bound, dialect, field)
    return BoundQuery(
        statement=statement,
        values=named,
        tables=tables_of(tree),
        time_bound=any(map(bounds_rows, literals)),
        ordered=is_ordered(tree),
    )


def _bound(text: str, templates: dict[int, Template], values: Values, field: str) -> dict[int, list[BoundValue]]:
    """Return each template's values by its place: one, or those of a list within IN (…)."""
    found, problems = dict[int, list[BoundValue]](), list[Problem]()
    for place, template in templates.items():
        try:
            value = value_of(template, values, field=field)
            if isinstance(value, list):
                _demand_in_list(text, template, value)
            found[place] = [bound_value(item) for item in (value if isinstance(value, list) else [value])]
        except RequestError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(Problem(field=field, expected=str(error), got=template.written))
    if problems:
        raise RequestError(problems)
    return found


def _demand_in_list(text: str, template: Template, value: list[Any]) -> None:
    around = re.search(r"\bin\s*\(\s*$", text[: template.start], re.IGNORECASE), text[template.end :].lstrip(BLANK)[:1]
    if not value or not around[0] or around[1] != ")":
        raise ValueError(f"a list that is not empty, in IN (…) (not {shown(value)})")


def _marks(text: str, templates: Iterable[int]) -> dict[int, str]:
    """Return a text that the query does not hold for each template's place: what the query is parsed with."""
    mark = next(mark for count in itertools.count() if (mark := f"value{'_' * count}") not in text)
    return {place: f"{mark}{number}" for number, place in enumerate(templates)}


def _one_select(marked: str, dialect: Dialect, field: str) -> exp.Expr:
    tokens = agreed_tokens(marked, dialect, field)
    if problems := [problem for own in tokens.values() for problem in token_problems(marked, own, dialect, field)]:
        raise RequestError(list(dict.fromkeys(problems)))
    tree = parse(marked, tokens, field)
    if problems := list(tree_problems(tree, dialect, field)):
        raise RequestError(problems)
    return tree


def _demand_values(tree: exp.Expr, templates: dict[str, Template], field: str) -> None:
    """Refuse templates that stand for the name of a table, a column or an alias."""
    names = [templates[node.name] for node in tree.walk() if node.key == "identifier" and node.name in templates]
    if names:
        expected = "templates for values only, never for the name of a table or column"
        raise RequestError([Problem(field=field, expected=expected, got=name.written) for name in names])


def _statement(
    spans: Sequence[Span], bound: dict[int, list[BoundValue]], dialect: Dialect, field: str
) -> tuple[str, dict[str, BoundValue]]:
    """Return what the server is sent, and the values beside it."""
    if dialect == "hive":
        statement = _filled(spans, lambda place: ", ".join(map(hive_literal, bound[place])))
        agreed_tokens(statement, dialect, field)
        return statement, {}
    numbers = itertools.count(1)
    names = {place: [f"v{next(numbers)}" for _ in values] for place, values in bound.items()}
    statement = _filled(
        spans,
        lambda place: ", ".join(f":{name}" for name in names[place]),
        lambda written: written.replace(":", r"\:"),
    )
    named = {name: value for place, values in bound.items() for name, value in zip(names[place], values, strict=True)}
    return statement, named


def _filled(
    spans: Sequence[Span], fill: Callable[[int], str], written: Callable[[str], str] = lambda text: text
) -> str:
    """Return a query with its templates filled by their places, and all else as it was written."""
    return "".join(fill(span.start) if span.kind == "template" else written(span.text) for span in spans)


def _without_surroundings(spans: Sequence[Span]) -> list[Span]:
    """Return a query's parts without the white space, comments and semicolons before and after it."""
    inner = list(spans)
    while inner and (inner[0].kind == "comment" or not inner[0].text.strip(BLANK)):
        inner.pop(0)
    while inner and (inner[-1].kind == "comment" or not inner[-1].text.strip(BLANK + ";")):
        inner.pop()
    first, last = inner[0], inner[-1]
    if first.kind == "code":
        inner[0] = first = Span("code", first.start, first.text.lstrip(BLANK))
    if last.kind == "code":
        inner[-1] = Span("code", last.start, (first if len(inner) == 1 else last).text.rstrip(BLANK + ";"))
    return inner
