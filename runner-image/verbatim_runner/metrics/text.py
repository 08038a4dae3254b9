"""Metrics from ``key=value`` and ``key: value`` lines, as people print them, and from ``loss 0.31`` without a sign.

Only numbers under sensible names count: times, dates, versions, addresses, paths and the arguments in an object's repr
are left alone, and so are sentences. ``epoch``, ``step`` and ``iteration`` become the step.
"""

from __future__ import annotations

import re
from functools import lru_cache

from verbatim_runner.metrics.readings import STEP_NAMES, Reading, is_metric_name

MAX_LINE_CHARS = 4000
"""A longer line is data, not a report."""

_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|(?i:nan|inf(?:inity)?))"
_WORD = r"[A-Za-z][\w@/().%^'-]*+"
_NAME = rf"(?<![\w.\\/@-])['\"]?({_WORD}(?: \(?{_WORD}){{0,5}})['\"]?"
_SPREAD = r"±|\+/-|\+-?\d"
"""What follows a mean: XGBoost's cross-validation writes 0.486+0.011."""
_END = rf"(?=['\"]?%?(?:[\s;|)\]}}]|,(?!\d)|$)|\.(?:\s|$)|{_SPREAD})"
_PAIR = re.compile(rf"{_NAME}(?:\s*=\s*|\s*:(\s*))['\"]?({_NUMBER}){_END}")
_BARE = re.compile(
    rf"(?<![\w.\\/-])((?:(?:train(?:ing)?|test|val(?:id(?:ation)?)?|eval|dev)[ _-])?"
    r"(?:loss|acc(?:uracy)?|ppl|perplexity|bpc|bpb|lr|auc|f1|rmse|mse|mae|error|reward|score))"
    rf" {{1,3}}({_NUMBER}){_END}",
    re.IGNORECASE,
)
"""What needs no sign to be taken for a metric: names that mean little else, with a number that is no count."""
_STEP = re.compile(r"\b(" + "|".join(STEP_NAMES) + r")s?\b[\s:=#\[(]*(\d+)\b(?!\.\d)", re.IGNORECASE)
_LEADING_STEP = re.compile(r"\s*(?:\[(\d+)\]|(\d+):\t)")
_CALL = re.compile(r"\w\([^()]*=[^()]*\)")
_NUMPY = re.compile(r"\bnp\.(?:float|int|uint)\d+\(([^()]*)\)")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")
_CHATTER = ("[LightGBM] [",)
"""How lines begin that hold numbers of a library's own work."""
_SENTENCE_WORDS = frozenset(("a", "an", "and", "at", "by", "for", "from", "in", "into", "is", "of", "or", "than",
                             "that", "the", "to", "was", "were", "with"))  # fmt: skip
_LEVELS = frozenset(("trace", "debug", "info", "notice", "warning", "warn", "error", "critical"))
_FILE_NAME = re.compile(
    r"\.(?:py|csv|tsv|jsonl?|ya?ml|txt|parquet|pkl|pt|log|md|ipynb|np[yz]|h5|zip|gz|png|jpe?g)$", re.IGNORECASE
)
_CLOCKS = ("time", "elapsed", "version")
_MAX_NAME_WORDS = 4


class TextReader:
    """Reads ``key=value`` and ``key: value`` pairs."""

    source = "text"

    def read(self, line: str) -> list[Reading] | None:
        """Return the pairs that look like metrics, all with the line's step.

        A name of several words (``Test accuracy: 0.9``) is joined with underscores (``Test_accuracy``).
        """
        if len(line) > MAX_LINE_CHARS or line.startswith(_CHATTER):
            return None
        text = _without_calls(line)
        pairs = _bare_pairs(text)
        if not pairs and "=" not in line and ":" not in line:
            return None
        for match in _PAIR.finditer(text):
            words, gap, number = match.groups()
            if gap == "" and number.lstrip("+-").isdigit():
                continue  # host:8080
            name = metric_name(words)
            if name:
                pairs.append((name, float(number)))
        if not pairs:
            return None
        step = step_of(text)
        return [(name, value, step) for name, value in pairs]


def _bare_pairs(text: str) -> list[tuple[str, float]]:
    found = (match.groups() for match in _BARE.finditer(text))
    return [("_".join(words.split(" ")), float(n)) for words, n in found if not n.strip("+-.").isdigit()]


def step_of(text: str) -> int | None:
    """Return the step that a line names (``step=3``, ``Epoch 3/10``, ``[3]``), the finest if there are several."""
    if leading := _LEADING_STEP.match(text):
        return int(leading[1] or leading[2])
    found = {match[1].lower(): match[2] for match in _STEP.finditer(text)}
    return next((int(found[name]) for name in STEP_NAMES if name in found), None)


def plain(line: str) -> str:
    """Return a line without colours and the like."""
    return _ANSI.sub("", line) if "\x1b" in line or "\x08" in line else line


def _without_calls(line: str) -> str:
    if "np." in line:
        line = _NUMPY.sub(r"\1", line)
    return _CALL.sub(" ", line) if "(" in line else line


@lru_cache(4096)  # a training repeats its few names
def metric_name(words: str) -> str | None:
    """Return the name that a few words make; None where they are no metric's."""
    parts = words.rstrip("'").split(" ")
    if parts[0].lower() in _LEVELS:
        del parts[0]
    if not 0 < len(parts) <= _MAX_NAME_WORDS or not _SENTENCE_WORDS.isdisjoint(part.lower() for part in parts):
        return None
    name = "_".join(parts)
    if name.count("(") != name.count(")") or _FILE_NAME.search(name) or name.lower().endswith(_CLOCKS):
        return None
    return name if is_metric_name(parts[-1]) and is_metric_name(name) else None
