"""``verbatim inspect``: what a project is found to be and what would be run; nothing of it is run or installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from verbatim_cli.commands.options import AsJson

if TYPE_CHECKING:
    from verbatim.inspection import Inspection


def inspect(
    code: Annotated[str, typer.Argument(metavar="PATH|URL", help="Whatever the conf's `code` may be.")],
    *,
    ref: Annotated[str | None, typer.Option(metavar="R", help="Branch, tag or commit of a git repository.")] = None,
    subdirectory: Annotated[str, typer.Option(metavar="D", help="The project's directory in the code.")] = ".",
    connection: Annotated[
        str | None, typer.Option(metavar="C", help="For private code: AIRFLOW_CONN_C of this shell.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how a project would be started and what it depends on, and why. Nothing of it is run or installed."""
    from pathlib import Path

    from verbatim.exit_codes import ExitCode
    from verbatim_cli.conf import with_absolute_paths
    from verbatim_cli.console import print_json

    named = {"url": code, "ref": ref, "subdirectory": subdirectory, "connection": connection}
    inspection = _inspect(with_absolute_paths({"code": named}, Path.cwd()))
    if as_json:
        print_json(inspection.model_dump(mode="json"))
    else:
        _print(inspection)
    raise typer.Exit(ExitCode.USER_FAULT if inspection.problems else ExitCode.OK)


def _inspect(conf: dict[str, object]) -> Inspection:
    """Pin the code into a store that is gone afterwards, and have the runner look at it."""
    import tempfile
    import threading
    from pathlib import Path

    from verbatim.connections import secrets_for
    from verbatim.documents import now
    from verbatim.ids import new_run_id
    from verbatim.launch import launch_inspection
    from verbatim.pin import pin_request
    from verbatim.spec import Image
    from verbatim.stage import StageRequest
    from verbatim.store import Store
    from verbatim_cli.connections import read_connection
    from verbatim_cli.console import plain, stderr
    from verbatim_cli.opening import open_local_settings

    settings, warnings = open_local_settings(), list[str]()
    with tempfile.TemporaryDirectory(prefix="verbatim-inspect-") as home, stderr().status("Looking") as progress:
        store = Store(Path(home).as_uri())
        spec = pin_request(
            conf, settings=settings, store=store, image=Image(reference="none", digest="none"), engine="process",
            moment=now(), warn=warnings.append, read_connection=read_connection,
        )  # fmt: skip
        request = StageRequest(
            run_id=new_run_id(spec.experiment, spec.as_of), stage="prepare", try_number=1, spec=spec,
            store_url=store.url, engine="process", cache_dir=settings.cache_dir,
        )  # fmt: skip
        found = launch_inspection(
            request, secrets_for(request, settings, read_connection), zipapp=Path(settings.runner),
            wheels=settings.wheels, on_line=lambda line: progress.update(plain(line)), stop=threading.Event(),
        )  # fmt: skip
    return found.model_copy(update={"warnings": (*warnings, *found.warnings)})


def _print(inspection: Inspection) -> None:
    from verbatim_cli.console import counted, human_size, plain, stderr, stdout

    out = stdout()
    pinned, code = inspection.pinned, inspection.code
    state = f"commit {code.commit[:12]}" if code.commit else "not committed"
    out.print(f"[bold]{plain(pinned.url)}[/]  ({pinned.kind}, {state}{', with changes' if pinned.dirty else ''})")
    if pinned.subdirectory != ".":
        out.print(f"project       {plain(pinned.subdirectory)} of it")
    out.print(f"size          {counted(code.files, 'file')}, {human_size(code.bytes)}")
    _print_entry(inspection)
    _print_environment(inspection)
    for warning in inspection.warnings:
        out.print(f"[yellow]warning:[/] {plain(warning)}")
    for problem in inspection.problems:
        stderr().print(f"[red]error:[/] {plain(str(problem.as_exception()))}")


def _print_entry(inspection: Inspection) -> None:
    import shlex

    from verbatim_cli.console import plain, stdout

    entry, out = inspection.entry, stdout()
    if entry is None:
        return
    follow = "  and parameters as --key value" if entry.appends_parameters else ""
    out.print(f"starts with   {plain(shlex.join(entry.argv))}{follow}")
    out.print(f"because of    {plain(entry.found_by)}")
    if entry.defaults:
        values = ", ".join(f"{name}={value}" for name, value in entry.defaults.items())
        out.print(f"parameters    {plain(values)}, unless the conf has others")


def _print_environment(inspection: Inspection) -> None:
    from verbatim_cli.console import plain, stdout

    dependencies, python, out = inspection.dependencies, inspection.python, stdout()
    if dependencies:
        unread = "none" if dependencies.declared_by == "imports" else "none that can be read without a build"
        names = ", ".join(dependencies.requirements) or ("its own lock" if dependencies.locked else unread)
        out.print(f"dependencies  {plain(dependencies.declared_by)}: {plain(names)}")
        if dependencies.added:
            out.print(f"added to them {plain(', '.join(dependencies.added))}")
        if dependencies.local:
            out.print(f"packages here {plain(', '.join(dependencies.local))}")
    if python:
        demand = f" ({python.declared_by} demands {python.demanded})" if python.demanded else ""
        out.print(
            f"interpreter   Python {plain(python.version or 'has to be fetched')}{plain(demand) if demand else ''}"
        )
    if inspection.system_packages:
        out.print(f"Debian        {plain(', '.join(inspection.system_packages))}")
