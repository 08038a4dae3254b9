"""sqlglot's reading of a query, taken only where it agrees with our own about what is quoted and what is a comment.

A query that two readers take apart in different ways is the way around every check, so it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.data.sql.scan import BLANK, scan
from verbatim.data.templates import position
from verbatim.errors import RequestError
from verbatim.problems import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

    from verbatim.data.sql.scan import Dialect, Span

_READERS: dict[Dialect, tuple[str, ...]] = {
    "hive": ("hive", "spark"),
    "postgres": ("postgres",),
    "mysql": ("mysql",),
    "sqlite": ("sqlite",),
}
"""sqlglot's dialects: all have to agree on the parts of a text, one has to understand it."""
_KINDS = {"text": "q", "name": "q", "comment": "c", "hint": "h", "template": "?", "open": "?"}
_BETWEEN = " ch"
_PREFIXES = frozenset(("", "e", "x", "b", "n"))


def agreed_tokens(text: str, dialect: Dialect, field: str) -> dict[str, list[Token]]:
    """Return a query's tokens by sqlglot's dialect, without the semicolons at its end.

    Raises:
        RequestError: One of them reads the query in another way than we do.
    """
    from sqlglot.dialects.dialect import Dialect as Reader  # noqa: PLC0415 - takes time to load
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - likewise
    from sqlglot.tokenizer_core import TokenType  # noqa: PLC0415 - likewise

    spans = scan(text, dialect)
    read: dict[str, list[Token]] = {}
    for name in _READERS[dialect]:
        try:
            tokens = Reader.get_or_raise(name).tokenize(text)
        except SqlglotError:
            raise _refused(field, "a query whose quotes and comments can be told apart", "one that is not") from None
        place = _disagreement(text, tokens, spans)
        if place is not None:
            expected = "a query that every reader takes apart in the same way; write this part more plainly"
            raise _refused(field, expected, f"{shown(text[place : place + 40])} at {position(text, place)}")
        while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
            tokens.pop()
        read[name] = tokens
    return read


def parse(text: str, tokens: dict[str, list[Token]], field: str) -> exp.Expr:
    """Return the tree of a query, of the first of sqlglot's dialects that understands it.

    Args:
        text: The query.
        tokens: Its tokens by dialect.
        field: The conf field that it is from.

    Raises:
        RequestError: None does, or it is not one statement.
    """
    from sqlglot.dialects.dialect import Dialect as Reader  # noqa: PLC0415 - takes time to load
    from sqlglot.errors import ErrorLevel, ParseError  # noqa: PLC0415 - likewise

    faults = list[str]()
    for name, own in tokens.items():
        try:
            trees = Reader.get_or_raise(name).parser(error_level=ErrorLevel.IMMEDIATE).parse(own, text)
        except ParseError as error:
            first = error.errors[0] if error.errors else {}
            what, line = first.get("description") or "not understood", first.get("line") or 1
            faults.append(f"what cannot be read as one: {what} at line {line}")
        except RecursionError:
            faults.append("too deeply nested")
        else:
            if len(trees) == 1 and trees[0] is not None:
                return trees[0]
            faults.append(f"{len(trees)} statements")
    raise _refused(field, "one SELECT", faults[0])


def _disagreement(text: str, tokens: Sequence[Token], spans: Sequence[Span]) -> int | None:
    """Return the first place where tokens are not our spans; None where they agree.

    Every quoted span is just one token, but for a letter before it; every other token lies in code or in a hint; and
    what lies between tokens is white space, comments and hints.
    """
    kinds = "".join(
        "".join(" " if char in BLANK else "." for char in span.text)
        if span.kind == "code"
        else _KINDS[span.kind] * len(span.text)
        for span in spans
    )
    quoted = {span.start: span.end for span in spans if _KINDS.get(span.kind) == "q"}
    end = 0
    for token in tokens:
        start, stop = token.start, token.end + 1
        inside = kinds[start:stop]
        if left := kinds[end:start].lstrip(_BETWEEN):
            return start - len(left)
        if "c" in inside:
            return start
        if "q" in inside:
            opening = start + inside.index("q")
            if quoted.pop(opening, None) != stop or text[start:opening].lower() not in _PREFIXES:
                return opening
        end = stop
    left = kinds[end:].lstrip(_BETWEEN)
    return len(text) - len(left) if left else min(quoted, default=None)


def _refused(field: str, expected: str, got: str) -> RequestError:
    return RequestError([Problem(field=field, expected=expected, got=got)])
