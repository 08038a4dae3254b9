"""Shows a suite's result as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from verbatim_runner.validation.judge import Result, columns_of, raised
from verbatim_runner.validation.rows import as_json
from verbatim_runner.validation.verdict import observed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim_runner.validation.judgement import Judgement
    from verbatim_runner.validation.verdict import Severity

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bad: #c62828; --warn: #9a5b00; --good: #2e7d32; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffc266; --good: #81c995; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.sum { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; margin: 0 0 1rem; padding: 0; list-style: none; }
section { border: 1px solid var(--line); border-left-width: .35rem; border-radius: .4rem; }
section { margin: 1rem 0; padding: .7rem 1rem; }
section.failed { border-left-color: var(--bad); } section.warned { border-left-color: var(--warn); }
h3 { font-size: 1rem; margin: 0 0 .3rem; overflow-wrap: anywhere; } h3 span { font-weight: 600; margin-right: .6rem; }
.failed > h3 span, td.failed { color: var(--bad); } .warned > h3 span, td.warned { color: var(--warn); }
td.met { color: var(--good); } caption { text-align: left; opacity: .75; }
p { margin: .2rem 0; } .wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; } table.all { width: 100%; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; white-space: nowrap; } thead th { background: var(--soft); }
.rows td { font-variant-numeric: tabular-nums; } .null { opacity: .55; font-style: italic; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""
_ARGUMENT_CHARS = 1000
_OBSERVED_CHARS = 600
_WORDS = {"failed": "failed", "warned": "warning", "met": "met"}


def render_page(channel: str, suite: str, judgement: Judgement, severity: Severity) -> str:
    """Return the page: what is not met first, with rows of data, then every expectation.

    Args:
        channel: The channel's name.
        suite: The suite's name.
        judgement: The result.
        severity: The suite's.
    """
    states = [_state(result, severity) for result in judgement.results]
    pairs = list(zip(states, judgement.results, strict=True))
    total, met = len(pairs), states.count("met")
    title = f"{channel}: {met} of {total} expectations met"
    wrong = "\n".join(
        _section(state, result) for kind in ("failed", "warned") for state, result in pairs if state == kind
    )
    every = "\n".join(_line(state, result) for state, result in pairs)
    counts = [f"{judgement.rows:,} rows", f"suite <code>{escape(suite)}</code>"]
    counts += [f"{states.count(kind)} {word}" for kind, word in _WORDS.items() if states.count(kind)]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f'<body><h1>{escape(title)}</h1>\n<ul class="sum">{"".join(f"<li>{count}</li>" for count in counts)}</ul>\n'
        f"{wrong}\n<h2>All expectations</h2>\n"
        '<div class="wide"><table class="all"><thead><tr><th>Result</th><th>Expectation</th><th>Column</th>'
        f"<th>Arguments</th><th>Observed</th></tr></thead>\n<tbody>\n{every}\n</tbody></table></div></body></html>\n"
    )


def _state(result: Result, severity: Severity) -> str:
    if result["success"]:
        return "met"
    critical = result["expectation_config"].get("severity", "critical") == "critical"
    return "failed" if critical and severity == "fail" else "warned"


def _section(state: str, result: Result) -> str:
    """Return all that is known of one expectation that is not met."""
    configuration = result["expectation_config"]
    rows = result["result"].get("unexpected_rows") or []
    shown = _rows(rows, result["result"].get("unexpected_count", len(rows))) if rows else ""
    seen = observed(result)[:_OBSERVED_CHARS]
    return (
        f'<section class="{state}"><h3><span>{_WORDS[state]}</span><code>{escape(configuration["type"])}</code></h3>\n'
        f"<p>Expected <code>{escape(_arguments(result))}</code></p>\n"
        f"<p>Observed <code>{escape(seen)}</code></p>\n{_numbers(result)}{shown}</section>"
    )


def _numbers(result: Result) -> str:
    values = result["result"]
    if raised(result) or not values.get("element_count"):
        return ""
    told = [f"{values['unexpected_count']:,} of {values['element_count']:,} values do not meet it"]
    if isinstance(values.get("unexpected_percent"), int | float):
        told.append(f"{values['unexpected_percent']:.3g} %")
    if values.get("missing_count"):
        told.append(f"{values['missing_count']:,} are missing")
    return f"<p>{', '.join(told)}.</p>\n"


def _rows(rows: list[Mapping[str, Any]], total: int) -> str:
    columns = list(rows[0])
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(f"<tr>{''.join(_cell(row.get(column)) for column in columns)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="rows"><caption>{len(rows)} of {total:,} such rows</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    return '<td class="null">null</td>' if value is None else f"<td>{escape(str(as_json(value)))}</td>"


def _line(state: str, result: Result) -> str:
    configuration = result["expectation_config"]
    cells = (
        configuration["type"], ", ".join(columns_of(result)), _arguments(result), observed(result)[:_OBSERVED_CHARS]
    )  # fmt: skip
    shown = "".join(f"<td><code>{escape(cell)}</code></td>" for cell in cells)
    return f'<tr><td class="{state}">{_WORDS[state]}</td>{shown}</tr>'


def _arguments(result: Result) -> str:
    arguments = json.dumps(result["expectation_config"]["kwargs"], ensure_ascii=False)
    return arguments if len(arguments) <= _ARGUMENT_CHARS else f"{arguments[:_ARGUMENT_CHARS]}…"
