"""Where the quoted texts, quoted names, comments and templates of a query lie.

This is our own reading of each dialect's lexical rules, and a narrow one: what servers, or the settings of one server,
read in different ways (a backslash before a quote, comments within comments) is refused. ``agreement`` holds sqlglot's
reading against it, so that none of the two is trusted alone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from verbatim.data.templates import TEMPLATE, position
from verbatim.problems import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Dialect = Literal["hive", "postgres", "mysql", "sqlite"]
Kind = Literal["code", "text", "name", "comment", "hint", "template", "open"]

BLANK = " \t\r\n"

_LINE, _BLOCK = r"--[^\r\n]*", r"/\*.*?\*/"
_ESCAPED = "{0}(?:[^{0}\\\\]|\\\\.)*{0}"
_DOUBLED = "{0}(?:[^{0}]|{0}{0})*{0}"
_BOTH = "{0}(?:[^{0}\\\\]|\\\\.|{0}{0})*{0}"


def _pattern(comments: str, texts: str, names: str, hint: str = r"(?!)") -> re.Pattern[str]:
    kinds = {"hint": hint, "comment": comments, "text": texts, "name": names, "template": TEMPLATE}
    known = "|".join(f"(?P<{kind}>{regex})" for kind, regex in kinds.items())
    return re.compile(rf"{known}|(?P<open>['\"`]|/\*|\{{\{{)|(?P<code>\w+|.)", re.DOTALL)


_PATTERNS: dict[Dialect, re.Pattern[str]] = {
    "hive": _pattern(
        f"{_LINE}|{_BLOCK}",
        f"{_ESCAPED.format(chr(39))}|{_ESCAPED.format(chr(34))}",
        _DOUBLED.format("`"),
        r"/\*\+[\w\s(),.=-]*\*/",
    ),
    "postgres": _pattern(
        f"{_LINE}|{_BLOCK}", rf"\b[eE]{_BOTH.format(chr(39))}|{_DOUBLED.format(chr(39))}", _DOUBLED.format('"')
    ),
    "mysql": _pattern(
        rf"--(?=[\s]|$)[^\r\n]*|#[^\r\n]*|{_BLOCK}",
        f"{_BOTH.format(chr(39))}|{_BOTH.format(chr(34))}",
        _DOUBLED.format("`"),
    ),
    "sqlite": _pattern(
        f"{_LINE}|{_BLOCK}",
        _DOUBLED.format(chr(39)),
        rf"{_DOUBLED.format(chr(34))}|{_DOUBLED.format('`')}|\[[^\]]*\]",
    ),
}
_UNFIT: dict[Dialect, str] = {
    "hive": r"[\\@?$#]",
    "postgres": r"[\\$]",
    "mysql": r"[\\@?]|:\w|:=",
    "sqlite": r"[\\@?$#]|:\w",
}
"""Of code: variables and parameters, which would bring in what the conf does not show, and what no SELECT has."""
_OPEN = {"{{": "a template that ends in }}", "/*": "a comment that ends in */"}


@dataclass(frozen=True)
class Span:
    """A part of a query.

    Attributes:
        kind: What it is; ``open`` is the begin of something that never ends, ``code`` the rest, with white space.
        start: Its first character's place.
        text: Itself, with its quotes.
    """

    kind: Kind
    start: int
    text: str

    @property
    def end(self) -> int:
        """The place after its last character."""
        return self.start + len(self.text)


def scan(text: str, dialect: Dialect) -> list[Span]:
    """Return a query's parts, in order and without gaps."""
    spans = list[Span]()
    for match in _PATTERNS[dialect].finditer(text):
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # the groups are the kinds
        if kind == "code" and spans and spans[-1].kind == "code":
            spans[-1] = Span("code", spans[-1].start, spans[-1].text + match[0])
        else:
            spans.append(Span(kind, match.start(), match[0]))
    return spans


def lexical_problems(text: str, spans: Sequence[Span], dialect: Dialect, field: str) -> list[Problem]:
    """Return what must not be in a query because it can be read in more than one way, or hides a part of it."""
    found = list[tuple[int, str]]()
    for before, span, after in zip([None, *spans], spans, [*spans[1:], None], strict=False):
        found += ((span.start + place, expected) for place, expected in _unfit_in(span, dialect))
        found += ((span.start, expected) for expected in _unfit_around(before, span, after, dialect))
    if dialect == "hive" and "${" in text:
        expected = "no ${…}, which the server would fill in before it reads the query; use {{ parameters.NAME }}"
        found.append((text.index("${"), expected))
    return [
        Problem(field=field, expected=expected, got=f"{shown(text[place : place + 40])} at {position(text, place)}")
        for place, expected in found
    ]


def _unfit_in(span: Span, dialect: Dialect) -> Iterator[tuple[int, str]]:
    if span.kind == "open":
        yield 0, _OPEN.get(span.text, f"a closing {span.text}")
    elif span.kind == "code":
        if match := re.search(_UNFIT[dialect], span.text):
            yield match.start(), "a query without variables, parameters and backslashes outside of quotes"
        if match := re.search(r"\{%|%\}", span.text):
            yield match.start(), "a query without {% … %}: templates are no Jinja, each {{ … }} is one value"
        for place, char in enumerate(span.text):
            if char not in BLANK and (unicodedata.category(char)[0] in "CZ" or char.isspace()):
                yield place, f"plain white space, not {unicodedata.name(char, f'U+{ord(char):04X}')}"
    elif "{{" in span.text and span.kind != "template":
        place = span.text.index("{{")
        yield place, "a template outside of quotes and comments: it is bound as a value, so write it without quotes"
    if span.kind == "comment":
        yield from _unfit_in_comment(span.text, dialect)
    if span.kind == "text" and _escapes_its_quote(span.text, dialect):
        yield 0, "a quote in a text written as two quotes; servers differ in what a backslash before a quote means"


def _unfit_in_comment(comment: str, dialect: Dialect) -> Iterator[tuple[int, str]]:
    if re.match(r"/\*M?!", comment) or (dialect in {"mysql", "hive"} and comment.startswith("/*+")):
        yield 0, "a plain comment; the server would run this one"
    if comment.startswith("/*") and "/*" in comment[1:]:
        yield comment.index("/*", 1), "no comment within a comment; servers differ in where it ends"
    if dialect == "hive" and comment.startswith("--") and comment.endswith("\\"):
        yield 0, "a comment that does not end in a backslash; servers differ in whether the next line is one, too"


def _unfit_around(before: Span | None, span: Span, after: Span | None, dialect: Dialect) -> Iterator[str]:
    if span.kind == "comment" and span.text[:2] != "/*" and after and re.match(r"\r(?!\n)", after.text):
        yield "lines that end in a newline; servers differ in whether a carriage return ends a comment"
    raw = r"\b[rR]$" if dialect == "hive" else r"\b[uU]&$|\b[qQ]$"
    if span.kind in {"text", "name"} and before and before.kind == "code" and re.search(raw, before.text):
        yield "a text without the prefix before its quote"
    if span.kind == "template":
        fits_before = before is None or (before.kind == "code" and before.text[-1] in f"{BLANK}([,=<>+-*/%|")
        cast = dialect == "postgres" and after is not None and after.text.startswith("::")
        fits_after = after is None or (after.kind == "code" and (after.text[0] in f"{BLANK})],=<>+-*/%|;" or cast))
        if not fits_before or not fits_after:
            yield "a template that stands alone, with a space around it"


def _escapes_its_quote(text: str, dialect: Dialect) -> bool:
    """Return whether a text goes on after a quote only if the server takes a backslash before it as an escape."""
    if dialect == "mysql":
        return any(pair == f"\\{text[0]}" for pair in re.findall(r"\\.", text[1:-1], re.DOTALL))
    return dialect == "postgres" and text[0] == "'" and "\\'" in text
