"""``verbatim lineage`` and ``verbatim audit``: what came of what, and who did it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import typer

from verbatim_cli.commands.options import AsJson


def lineage(
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL|DATASET",
            help="A run; MODEL, MODEL:VERSION or MODEL@ALIAS; a snapshot's digest, RUN:CHANNEL, a table or a URI.",
        ),
    ],
    *,
    kind: Annotated[
        Literal["run", "model", "dataset"] | None, typer.Option(help="What it is, where the name could be several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a run or a model was made of; of data, every snapshot, run and model that was made of it."""
    from functools import partial

    from verbatim.subject import Subjects
    from verbatim_cli.ancestry import print_lineage
    from verbatim_cli.console import print_json
    from verbatim_cli.opening import find_run, open_books

    books = open_books()
    found = Subjects(books.store, books.catalog, partial(find_run, books.catalog)).find(name, kind).lineage()
    if as_json:
        print_json(found)
    else:
        print_lineage(found)


def audit(
    *,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Only what was done in this run.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List who did what, the newest first: every extraction, every move of an alias."""
    from dataclasses import asdict

    from verbatim_cli.console import human_time, plain, print_json, print_table
    from verbatim_cli.opening import find_run, open_catalog, open_settings

    catalog = open_catalog(open_settings())
    rows = catalog.audit(limit, subject=find_run(catalog, run) if run else None)
    if as_json:
        print_json([asdict(row) for row in rows])
    elif not rows:
        print("Nothing has been done yet.")
    else:
        print_table(
            ("when", "who", "did", "to", "what"),
            (
                (human_time(row.at), plain(row.actor), plain(row.action), plain(row.subject), plain(_told(row.details)))
                for row in rows
            ),
        )


def _told(details: Mapping[str, object]) -> str:
    """Return the details that a line has room for; all are in the JSON form."""
    shown = ("channel", "connection", "sources", "as_of", "rows", "alias", "version", "reason", "field", "message")
    told = ((name, details.get(name)) for name in shown)
    return ", ".join(f"{name} {_text(value)}" for name, value in told if value not in (None, [], ""))


def _text(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:118]} …"
