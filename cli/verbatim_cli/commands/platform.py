"""``verbatim up``, ``down`` and ``status``: the embedded platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from verbatim_cli.commands.options import AsJson

if TYPE_CHECKING:
    from verbatim.settings import PlatformSettings
    from verbatim_cli.embedded.home import Home
    from verbatim_cli.embedded.state import PlatformState


def up(
    *,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the UI and the API; 8080 or the next free one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start the embedded platform: Airflow in the background, under VERBATIM_HOME (default .verbatim/)."""
    from verbatim_cli.console import print_json
    from verbatim_cli.opening import open_home, open_settings

    state = bring_up(port, quiet=as_json)
    if as_json:
        print_json(_account(open_home(), open_settings(), state))


def bring_up(port: int | None = None, *, quiet: bool) -> PlatformState:
    """Start the embedded platform unless it is up; tell how it is, unless that is not wanted."""
    from verbatim_cli.console import stderr
    from verbatim_cli.embedded.platform import DEFAULT_PORT, start
    from verbatim_cli.opening import open_catalog, open_home, open_settings, platform_environment

    home, settings = open_home(), open_settings()
    open_catalog(settings)
    with stderr().status("Starting") as progress:
        state = start(home, port, platform_environment(settings), progress.update)
    if not quiet:
        if port is None and state.port != DEFAULT_PORT:
            print(f"Port {DEFAULT_PORT} is taken; the platform is on port {state.port}.")
        _print_account(_account(home, settings, state))
    return state


def down(*, as_json: AsJson = False) -> None:
    """Stop the embedded platform and all that it started. Runs in flight go on when it is up again."""
    from verbatim_cli.console import print_json, stderr
    from verbatim_cli.embedded.containers import remove_stage_containers
    from verbatim_cli.embedded.platform import stop
    from verbatim_cli.opening import open_catalog, open_home, open_settings

    home = open_home()
    runs = open_catalog(open_settings()).runs(limit=10_000) if home.root.is_dir() else []
    running = [row.run_id for row in runs if row.status == "running"]
    with stderr().status("Stopping"):
        was_up = stop(home) if home.root.is_dir() else False
        containers = remove_stage_containers({row.run_id for row in runs})
    if as_json:
        print_json({"was_up": was_up, "runs_in_flight": running, "containers_removed": containers})
        return
    print("The platform is down." if was_up else f"No platform was up in {home.root}.")
    if was_up and running:
        print(f"{len(running)} in flight, to go on at the next `verbatim up`: {', '.join(running[:10])}")


def status(*, as_json: AsJson = False) -> None:
    """Tell whether the embedded platform is up, and how its components are. Exits with 66 when it is down."""
    from verbatim.exit_codes import ExitCode
    from verbatim_cli.console import print_json
    from verbatim_cli.embedded.state import running_platform
    from verbatim_cli.opening import open_home, open_settings

    home = open_home()
    state = running_platform(home)
    if state is None:
        if as_json:
            print_json({"up": False, "home": str(home.root)})
        else:
            print(f"No platform is up in {home.root}. Start it with: verbatim up")
        raise typer.Exit(ExitCode.NOT_FOUND)
    account = _account(home, open_settings(), state)
    if as_json:
        print_json(account)
    else:
        _print_account(account)


def _account(home: Home, settings: PlatformSettings, state: PlatformState) -> dict[str, Any]:
    from collections import Counter

    from verbatim_cli.embedded.containers import why_not_docker
    from verbatim_cli.embedded.platform import memory_bytes
    from verbatim_cli.opening import open_catalog

    catalog = open_catalog(settings)
    why_not = why_not_docker(settings.docker.image) if settings.engine != "process" else "the settings say so"
    picked = settings.engine if settings.engine != "auto" else ("process" if why_not else "docker")
    return {
        "up": True,
        "url": state.url,
        "port": state.port,
        "home": str(home.root),
        "passwords_file": str(home.passwords_file),
        "pid": state.pid,
        "started_at": state.started_at,
        "memory_bytes": memory_bytes(state),
        "engine": {"picked": picked, "why": why_not if picked == "process" else None},
        "components": {name: part.model_dump(mode="json") for name, part in state.components.items()},
        "runs": dict(Counter(row.status for row in catalog.runs(limit=10_000))),
        "model_versions": len(catalog.versions()),
    }


def _print_account(account: dict[str, Any]) -> None:
    from verbatim_cli.console import human_size, human_time, print_table

    print(f"The platform is up at {account['url']} (user admin, password in {account['passwords_file']}).")
    engine = account["engine"]
    isolation = f": {engine['why']}; this isolates less" if engine["picked"] == "process" else ""
    print(f"Engine: {engine['picked']}{isolation}.")
    runs = ", ".join(f"{count} {status}" for status, count in sorted(account["runs"].items())) or "none yet"
    print(
        f"Runs: {runs}. Model versions: {account['model_versions']}. Memory: {human_size(account['memory_bytes'])}.\n"
    )
    print_table(
        ("component", "state", ">pid", ">restarts", "since"),
        (
            (name, _coloured(part["state"]), str(part["pid"] or "-"), str(part["restarts"]), human_time(part["since"]))
            for name, part in account["components"].items()
        ),
    )


def _coloured(state: str) -> str:
    return f"[green]{state}[/]" if state == "up" else f"[red]{state}[/]"
