"""``verbatim demo``: from nothing to a registered model through real Airflow, and what to look at then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from verbatim_cli.commands.options import AsJson
from verbatim_cli.outcome import exit_code_of

if TYPE_CHECKING:
    from verbatim.catalog import Catalog
    from verbatim_cli.embedded.state import PlatformState

EXAMPLE = Path("examples/breast-cancer/conf.json")


def demo(
    conf: Annotated[Path, typer.Argument(metavar="[CONF]", help="The conf to run instead of the example's.")] = EXAMPLE,
    *,
    as_json: AsJson = False,
) -> None:
    """Start the platform unless it is up, run an example through Airflow, and sum up what came of it."""
    from verbatim.errors import NotFound
    from verbatim_cli.commands import platform, submit
    from verbatim_cli.console import print_json
    from verbatim_cli.embedded.state import running_platform
    from verbatim_cli.opening import open_home

    if not conf.is_file():
        raise NotFound(f"{conf} is not there; the demo is run from the root of a checkout, by `make demo`")
    state = running_platform(open_home()) or platform.bring_up(quiet=as_json)
    record = submit.run_to_end(conf)
    if as_json:
        print_json(record)
    else:
        submit.print_outcome(record)
        if record["model"]:
            _print_closing(conf, record, state)
    raise typer.Exit(exit_code_of(record))


def _print_closing(conf: Path, record: dict[str, Any], state: PlatformState) -> None:
    from verbatim_cli.console import stdout
    from verbatim_cli.opening import open_catalog, open_home, open_settings

    out = stdout()
    command = ".venv/bin/verbatim"
    model = f"{record['model']['name']}:{record['model']['version']}"
    out.print("\n[bold]Where to look[/]")
    print(f"  the run        {state.url}/dags/train/runs/{record['run_id']}")
    print(f"  its record     {state.url}/verbatim/runs/{record['run_id']}/page")
    print(f"  log in as      admin, with the password in {open_home().passwords_file}")
    out.print("[bold]What to do next[/]")
    print(f"  the record     {command} show {record['run_id']} --json")
    print(f"  the curve      {command} metrics {record['run_id']}")
    print(f"  the model      {command} download {model} model/")
    print(f"  repeat it      {command} submit {conf} --wait")
    print("  stop           make down")
    if earlier := _same_model(open_catalog(open_settings()), record):
        version = record["model"]["version"]
        print(f"\nVersion {version} is version {earlier} again, byte for byte: same inputs, same model.")


def _same_model(catalog: Catalog, record: dict[str, Any]) -> int | None:
    """Return the newest earlier version whose files are the same as the run's, if there is one."""
    model = record["model"]
    same = [
        version.version
        for version in catalog.versions(model["name"])
        if version.digest == model["digest"] and version.version < model["version"]
    ]
    return max(same, default=None)
