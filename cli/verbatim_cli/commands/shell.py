"""``verbatim shell``: a shell, or one command, in exactly the state in which a run's training starts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verbatim_cli.commands.options import RunName

if TYPE_CHECKING:
    from verbatim.catalog import RunRow
    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest, StageSecrets


def shell(
    run: RunName,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Run this instead of a shell.")
    ] = None,
) -> None:
    """Open a shell where a run's training starts: its code, environment, data and variables. Nothing done is kept."""
    from verbatim.container import CACHE, STORE
    from verbatim.launch import launch_shell
    from verbatim.shell import shell_request, system_packages_of
    from verbatim_cli.opening import (
        authorities_for_containers,
        find_run,
        open_books,
        open_settings,
    )
    from verbatim_cli.shell_container import run_in_container

    settings, books = open_settings(), open_books()
    run_id = find_run(books.catalog, run)
    row = books.catalog.run(run_id)
    _say_what_failed(row)
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal's, for what runs in the shell alone
    if row.engine == "docker":
        store_url = f"file://{STORE}" if settings.store_url.startswith("file://") else settings.store_url
        request = shell_request(books.store, run_id, engine="docker", store_url=store_url, cache_dir=CACHE)
        packages = system_packages_of(books.store, request)
        os.environ.update(authorities_for_containers())
        code = run_in_container(request, _secrets(request, settings), settings, packages, command or [])
    else:
        request = shell_request(
            books.store, run_id, engine="process", store_url=settings.store_url, cache_dir=settings.cache_dir
        )
        zipapp = Path(settings.runner)
        code = launch_shell(
            request, _secrets(request, settings), zipapp=zipapp, wheels=settings.wheels, command=command or []
        )
    raise typer.Exit(code if code >= 0 else 128 - code)


def _secrets(request: StageRequest, settings: PlatformSettings) -> StageSecrets:
    """Return the credentials that this machine has: a login is missed only where something is to be fetched anew."""
    from verbatim.connections import secrets_for
    from verbatim.errors import VerbatimError
    from verbatim.stage import StageSecrets
    from verbatim_cli.connections import read_connection
    from verbatim_cli.opening import store_credentials

    try:
        given = secrets_for(request, settings, read_connection)
    except VerbatimError:
        given = StageSecrets()
    return given.model_copy(update={"store": store_credentials(settings)})


def _say_what_failed(row: RunRow) -> None:
    if row.error:
        print(f"[verbatim] the run failed in {row.stage}: {row.error}", file=sys.stderr)
