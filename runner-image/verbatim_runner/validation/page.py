"""Shows a suite's result as one HTML page that needs no other file and no network."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim_runner.validation.suite import Judgement

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .7rem; border-bottom: 1px solid #8884; vertical-align: top; }
code { font-size: .9em; overflow-wrap: anywhere; }
.failed { color: #d33a2f; font-weight: 600; }
"""


def render_page(channel: str, suite: str, rows: int, judgement: Judgement) -> str:
    """Return the page.

    Args:
        channel: The channel's name.
        suite: The suite's name.
        rows: How many rows were judged.
        judgement: The result.
    """
    met = judgement.evaluated - len(judgement.failed)
    title = f"{channel}: {met} of {judgement.evaluated} expectations met"
    body = "\n".join(_row(result) for result in judgement.details["results"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>\n"
        f"<p>Suite <code>{escape(suite)}</code> over {rows} rows.</p>\n"
        f"<table><thead><tr><th>Result</th><th>Expectation</th><th>Arguments</th><th>Observed</th></tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></body></html>\n"
    )


def _row(result: Mapping[str, Any]) -> str:
    configuration = result["expectation_config"]
    arguments = {key: value for key, value in configuration["kwargs"].items() if key != "batch_id"}
    word = "met" if result["success"] else "failed"
    cells = (configuration["type"], _text(arguments), _text(result.get("result") or {}))
    shown = "".join(f"<td><code>{escape(cell)}</code></td>" for cell in cells)
    return f'<tr><td class="{word}">{word}</td>{shown}</tr>'


def _text(values: Mapping[str, Any]) -> str:
    shown = {
        key: value
        for key, value in values.items()
        if not key.startswith("partial_unexpected_") or key.endswith("_list")
    }
    return json.dumps(shown, ensure_ascii=False)[:2000]
