"""A run's record for people: how it went, what came out, what it was made of, where to look next."""

from __future__ import annotations

from typing import Any

from verbatim_cli.console import (
    counted,
    human_duration,
    human_number,
    human_size,
    human_time,
    plain,
    print_table,
    stdout,
)

_COLOURS = {
    "succeeded": "green",
    "candidate": "green",
    "running": "yellow",
    "queued": "yellow",
    "failed": "red",
    "rejected": "red",
    "lost": "red",
    "cancelled": "magenta",
}
_SHORT = 12


def coloured_state(state: str) -> str:
    """Return a state as markup in its colour."""
    colour = _COLOURS.get(state)
    return f"[{colour}]{state}[/]" if colour else state


def print_record(record: dict[str, Any]) -> None:
    """Print a run's record (``verbatim.record.run_record``)."""
    out = stdout()
    out.print(f"[bold]{record['run_id']}[/]  {coloured_state(record['status'])}  (engine: {record['engine']})")
    started, ended = human_time(record["created_at"]), human_time(record["finished_at"])
    out.print(f"started {started} by {plain(record['actor'])}; ended {ended}")
    if record["error"]:
        out.print(f"[red]{plain(record['error'])}[/]")
    for warning in record["warnings"]:
        out.print(f"[yellow]warning:[/] {plain(warning)}")
    _print_stages(record["stages"])
    _print_metrics(record["metrics"])
    _print_gates(record["gates"])
    _print_inputs(record)
    _print_model(record)


def _print_stages(stages: dict[str, Any]) -> None:
    if stages:
        print()
        rows = (
            (name, coloured_state(stage["state"]), human_duration(stage["duration_s"]))
            for name, stage in stages.items()
        )
        print_table(("stage", "state", ">took"), rows)


def _print_metrics(metrics: dict[str, Any]) -> None:
    if metrics:
        print()
        print_table(("metric", ">last"), ((plain(name), human_number(value)) for name, value in metrics.items()))


def _print_gates(gates: list[dict[str, Any]]) -> None:
    if gates:
        print()
        rows = (
            (
                plain(gate["condition"]),
                "[green]passed[/]" if gate["passed"] else "[red]failed[/]",
                plain(gate["reason"]),
            )
            for gate in gates
        )
        print_table(("gate", "", "because"), rows)


def _print_inputs(record: dict[str, Any]) -> None:
    out = stdout()
    print()
    if code := record["code"]:
        state = f"commit {code['commit'][:_SHORT]}" if code["commit"] else "not committed"
        out.print(f"code         {plain(code['url'])}  ({state}{', with changes' if code['dirty'] else ''})")
    for channel, data in record["data"].items():
        _print_channel(channel, data)
    if environment := record["environment"]:
        lock = environment["lock_digest"][:_SHORT]
        out.print(
            f"environment  Python {environment['python']}, {environment['packages']} packages "
            f"from {plain(environment['declared_by'])}  (lock {lock})"
        )
    if record["system_packages"]:
        out.print(f"system       {plain(', '.join(record['system_packages']))}")
    if record["spec_digest"]:
        out.print(f"spec         {record['spec_digest'][:_SHORT]}")


def _print_channel(name: str, data: dict[str, Any]) -> None:
    if not data["digest"]:
        return
    rows = f", {counted(data['rows'], 'row')}" if data["rows"] is not None else ""
    content = f"{counted(data['files'], 'file')}, {human_size(data['bytes'])}{rows}"
    sample = (
        f", {data['sample']['fraction']:.6g} of the keys of {plain(data['sample']['key'])}" if data["sample"] else ""
    )
    marks = f"{', reused' if data['reused'] else ''}{'' if data['time_bound'] else ', [yellow]not time-bound[/]'}"
    stdout().print(f"data         {plain(name)}: {content}{sample}  (snapshot {data['digest'][:_SHORT]}{marks})")
    if data["moved"]:
        stdout().print(f"             [yellow]the source has moved:[/] {plain(data['moved'])}")


def _print_model(record: dict[str, Any]) -> None:
    model = record["model"]
    if not model:
        return
    out = stdout()
    aliases = "".join(f" @{alias}" for alias in model["aliases"])
    size = human_size(sum(file["size"] for file in model["files"]))
    content = f"{counted(len(model['files']), 'file')}, {size}  (digest {model['digest'][:_SHORT]})"
    version = f"[bold]{model['name']} version {model['version']}[/]{aliases}"
    out.print(f"model        {version}  {coloured_state(model['status'])}, {content}")
    if model["destination"]:
        out.print(f"             also in {plain(model['destination'])}")
    out.print(f"             verbatim download {model['name']}:{model['version']} DIR")
