"""``verbatim run``: the same stages on this machine without Airflow, for a first try with few epochs before pushing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from verbatim_cli.commands.options import AsJson


def run(
    path: Annotated[
        str,
        typer.Argument(metavar="PATH|URL", help="The project: a directory, notebook, script, archive or git URL."),
    ],
    *,
    parameter: Annotated[
        list[str] | None, typer.Option("-p", metavar="KEY=VALUE", help="A parameter; JSON or text. May be repeated.")
    ] = None,
    conf: Annotated[
        Path | None, typer.Option(metavar="F", help="A conf for all the rest; of its `code` the URL is not used.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a project on this machine, as it is. The same stages, the same record; no container, so it isolates less."""
    from verbatim.record import run_record
    from verbatim_cli.console import print_json, stderr
    from verbatim_cli.local_run import LocalRun
    from verbatim_cli.opening import open_local_books
    from verbatim_cli.outcome import exit_code_of
    from verbatim_cli.summary import print_record

    settings, books = open_local_books()
    local = LocalRun(books, settings, stderr())
    run_id = local.execute(_conf(path, parameter or [], conf))
    record = run_record(books.store, books.catalog, run_id)
    if as_json:
        print_json(record)
    else:
        print_record(record)
    raise typer.Exit(exit_code_of(record))


def _conf(path: str, parameters: list[str], file: Path | None) -> dict[str, Any]:
    from verbatim_cli.conf import read_conf, with_absolute_paths

    conf = read_conf(file) if file else {}
    rest = conf["code"] if isinstance(conf.get("code"), dict) else {}
    conf["code"] = with_absolute_paths({"code": {**rest, "url": path}}, Path.cwd())["code"]
    given = conf.get("parameters") or {}
    if isinstance(given, dict):
        conf["parameters"] = given | dict(map(_parameter, parameters))
    return conf


def _parameter(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{text!r}; expected KEY=VALUE, such as epochs=2", param_hint="-p")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value
