"""Finds why a program failed in what it printed: the error itself, in the program's own words.

One finder a form; each is a function from the last lines of output to a ``Reason`` or None, tried in the order of
``FINDERS``. A new form is one function and one place in that list.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_LINES = 5
"""Of one error's message."""

_HEAD = re.compile(r"^(?P<prefix>.*?)Traceback \(most recent call last\)(?P<rest>[^\w]*)$")
_FRAME = re.compile(r'.*\bFile "(?P<file>[^"]+)", line (?P<line>\d+)')
_CELL = re.compile(r'Exception encountered at "(?P<cell>In \[\d+\])"')
_BOX = ("│", "╭", "╰", "┃", "+", "|")
_LIBRARIES = ("site-packages", "dist-packages", "/lib/python3", "<frozen", "<string>")
_WRAPPERS = re.compile(
    r"([\w.]*\.)?(ChildFailedError|CalledProcessError|PapermillExecutionError|ProcessRaisedException)\b"
)
"""Errors that say no more than that another program failed, whose own error was printed before."""
_R_ERROR = re.compile(r"Error(?: in .*)? ?: ?|Error in ")
_R_END = "Execution halted"
_STATED = re.compile(r"\S+: error: \S|[A-Z]\w*(Error|Exception): \S")
"""As argparse says it; or Python, where it cannot even read the script."""
_USAGE = re.compile(r"\s*Usage: \S")
_OF_CLICK = re.compile(r"Error: \S")
_BOX_OF_TYPER = re.compile(r"╭─+ Error ─")


@dataclass(frozen=True)
class Reason:
    """Why a program failed.

    Attributes:
        message: The error, as it was printed; never empty.
        where: Where it was raised, in words; empty where that is not told.
    """

    message: str
    where: str = ""


def find_reason(lines: Sequence[str]) -> Reason | None:
    """Return why a program failed, or None where its last lines do not tell."""
    return next((reason for finder in FINDERS if (reason := finder(lines))), None)


def _python(lines: Sequence[str]) -> Reason | None:
    """Find the last traceback, or the one before it where the last only says that something else failed."""
    found = list(_tracebacks(lines))
    telling = [reason for reason in found if not _WRAPPERS.match(reason.message)]
    return next(reversed(telling or found), None)


def _tracebacks(lines: Sequence[str]) -> Iterator[Reason]:
    heads = [(number, head) for number, line in enumerate(lines) if (head := _HEAD.match(line))]
    ends = [*(number for number, _ in heads), len(lines)][1:]
    for (start, head), end in zip(heads, ends, strict=True):
        prefix = head["prefix"]
        body = [line.removeprefix(prefix) for line in lines[start + 1 : end]]
        in_notebook = prefix.strip() if prefix.strip().isidentifier() else None
        error = _last_of(body, in_notebook) if in_notebook else _first_unindented(body)
        if error is not None:
            cell = _CELL.search("\n".join(lines[max(0, start - 3) : start]))
            yield Reason(_message(body[error:]), f"in cell {cell['cell']}" if cell else _where(body[:error]))


def _first_unindented(body: Sequence[str]) -> int | None:
    """Return where a traceback's error is; frames before it are indented, or in rich's box."""
    return next(
        (number for number, line in enumerate(body) if line.strip() and not line[0].isspace() and line[0] not in _BOX),
        None,
    )


def _last_of(body: Sequence[str], error: str) -> int | None:
    """Return where IPython repeats the error that it named in the traceback's head."""
    return max((number for number, line in enumerate(body) if line.startswith(error)), default=None)


def _message(lines: Sequence[str]) -> str:
    until_blank = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    return "\n".join(lines[: min(until_blank, MAX_LINES)]).rstrip()


def _where(frames: Sequence[str]) -> str:
    """Return the last frame in the user's own code, or the last one where none is."""
    found = [match for line in frames if (match := _FRAME.match(line))]
    own = [match for match in found if not any(part in match["file"] for part in _LIBRARIES)]
    return next((f"at {match['file']}, line {match['line']}" for match in reversed(own or found)), "")


def _r(lines: Sequence[str]) -> Reason | None:
    if _R_END not in (line.strip() for line in lines[-3:]):
        return None
    start = max((number for number, line in enumerate(lines) if _R_ERROR.match(line)), default=None)
    if start is None:
        return None
    rest = [line for line in lines[start:] if not line.startswith(("Calls:", _R_END))]
    return Reason(_message(rest))


def _stated(lines: Sequence[str]) -> Reason | None:
    return next((Reason(line.strip()) for line in reversed(lines) if _STATED.match(line.strip())), None)


def _click(lines: Sequence[str]) -> Reason | None:
    """Find what click, or Typer in its box, says below the usage that it shows of a command called wrongly."""
    usage = max((number for number, line in enumerate(lines) if _USAGE.match(line)), default=None)
    below = lines[usage + 1 :] if usage is not None else []
    for number, line in enumerate(below):
        if _OF_CLICK.match(line):
            return Reason(_message(below[number:]))
        if _BOX_OF_TYPER.match(line):
            said = itertools.takewhile(lambda inside: inside.startswith("│"), below[number + 1 :])
            return Reason(f"Error: {' '.join(inside.strip('│ ') for inside in said)}")
    return None


FINDERS: tuple[Callable[[Sequence[str]], Reason | None], ...] = (_python, _r, _click, _stated)
