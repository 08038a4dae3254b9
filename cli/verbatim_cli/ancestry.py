"""A lineage for people: as a tree, from the thing that was asked for to what it came of, or to what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verbatim_cli.console import counted, human_size, human_time, plain, stdout
from verbatim_cli.summary import coloured_state

if TYPE_CHECKING:
    from rich.tree import Tree

SHORT = 12
SHOWN = 10
"""How many objects, runs or lines of a query are shown of more; all are in the JSON form."""


def print_lineage(lineage: dict[str, Any]) -> None:
    """Print a lineage (``verbatim.lineage``)."""
    tree = _TREES[lineage["kind"]](lineage)
    stdout().print(tree, soft_wrap=False)  # where lines are not to be wrapped, a tree cuts them


def _tree_of_model(lineage: dict[str, Any]) -> Tree:
    tree = _tree(_model(lineage["model"]))
    tree.add(f"digest [dim]{lineage['model']['digest']}[/]")
    _add_run(tree, lineage["run"])
    return tree


def _tree_of_run(lineage: dict[str, Any]) -> Tree:
    tree = _tree(_run(lineage["run"]))
    _add_inputs(tree, lineage["run"])
    made = tree.add("made of it" if lineage["models"] else "no model was made of it")
    for model in lineage["models"]:
        through = "" if model["run_id"] == lineage["run"]["run_id"] else f"  by {model['run_id']}, from its checkpoints"
        made.add(_model(model) + through)
    return tree


def _tree_of_data(lineage: dict[str, Any]) -> Tree:
    tree = _tree(f"[bold]{plain(lineage['name'])}[/]")
    runs = {run["run_id"]: run for run in lineage["runs"]}
    for snapshot in lineage["snapshots"]:
        content = _content(snapshot)
        branch = tree.add(f"snapshot [bold]{snapshot['digest'][:SHORT]}[/]  {content}")
        for extraction in snapshot["extractions"]:
            _add_extraction(branch, extraction, runs, lineage["models"])
    return tree


def _add_extraction(
    tree: Tree, extraction: dict[str, Any], runs: dict[str, dict[str, Any]], models: list[dict[str, Any]]
) -> None:
    run_id = extraction["run_id"]
    sources = plain(", ".join(extraction["sources"]))
    read = f"{plain(extraction['channel'])}: {sources} as of {human_time(extraction['as_of'])}"
    branch = tree.add(f"{_run(runs[run_id])}  [dim]{read}{', reused' if extraction['reused'] else ''}[/]")
    _add_what_came(branch, run_id, runs, models)


def _add_what_came(tree: Tree, run_id: str, runs: dict[str, dict[str, Any]], models: list[dict[str, Any]]) -> None:
    """Add the models of a run, and the runs that went on from its checkpoints with theirs."""
    for model in models:
        if model["run_id"] == run_id:
            tree.add(_model(model))
    for run in runs.values():
        if run["resumed_from"] == run_id:
            _add_what_came(tree.add(f"{_run(run)}  [dim]from its checkpoints[/]"), run["run_id"], runs, models)


def _add_run(tree: Tree, run: dict[str, Any]) -> None:
    _add_inputs(tree.add(_run(run)), run)


def _add_inputs(tree: Tree, run: dict[str, Any]) -> None:
    tree.add(f"by {plain(run['actor'])}, {human_time(run['created_at'])}")
    if run["spec_digest"]:
        tree.add(f"spec [dim]{run['spec_digest'][:SHORT]}[/]")
    if code := run["code"]:
        state = f"commit [bold]{code['commit'][:SHORT]}[/]" if code["commit"] else "not committed"
        digest = f" [dim]{code['digest'][:SHORT]}[/]" if code["digest"] else ""
        tree.add(f"code {plain(code['url'])}  {state}{', with changes' if code['dirty'] else ''}{digest}")
    if lock := run["lock"]:
        told = f"Python {lock['python']}, {lock['packages']} packages"
        tree.add(f"lock [dim]{lock['lock_digest'][:SHORT]}[/]  {told} from {plain(lock['declared_by'])}")
    if image := run["image"]:
        tree.add(f"image {plain(image['reference'])}  [dim]{plain(image['digest'])}[/]")
    for name, channel in run["data"].items():
        _add_channel(tree, name, channel)
    if before := run["resumed_from"]:
        _add_inputs(tree.add(f"{_run(before)}  [dim]whose checkpoints it went on from[/]"), before)


def _add_channel(tree: Tree, name: str, channel: dict[str, Any]) -> None:
    snapshot = channel["snapshot"]
    what = f"snapshot [bold]{snapshot[:SHORT]}[/]  {_content(channel)}" if snapshot else "not extracted"
    branch = tree.add(f"data {plain(name)}: {what}")
    through = f" through {plain(channel['connection'])}" if channel["connection"] else ""
    branch.add(f"as of {human_time(channel['as_of'])}{through}{_marks(channel)}")
    for source in channel["sources"]:
        branch.add(f"{'table' if channel['query'] else 'place'} [bold]{plain(source)}[/]")
    if channel["query"]:
        lines = channel["query"]["statement"].strip().splitlines()
        told = lines[:SHOWN] + ["…"] * (len(lines) > SHOWN)
        told += [f"{name} = {value['text']}" for name, value in channel["query"]["values"].items()]
        branch.add("query\n" + "\n".join(f"[dim]{plain(line)}[/]" for line in told))
    if moved := channel["moved"]:
        branch.add(f"[yellow]the source has moved:[/] {plain(moved)}")
    if sample := channel["sample"]:
        asked, taken, whole = sample["sample"], sample["taken"], sample["whole"]
        part = f"{taken['rows']} of {counted(whole['rows'], 'row')}, {taken['keys']} of {whole['keys']} keys"
        branch.add(f"sample {asked['fraction']} by {plain(asked['key'])}, seed {asked['seed']}: {part}")
    _add_objects(branch, channel["objects"])


def _add_objects(tree: Tree, objects: list[dict[str, Any]]) -> None:
    for item in objects[:SHOWN]:
        version = f"version {plain(item['version'])}" if item["version"] else f"of {human_time(item['modified_at'])}"
        etag = f", ETag {plain(item['etag'])}" if item["etag"] and not item["version"] else ""
        tree.add(f"{plain(item['path'])}  [dim]{human_size(item['size'])}, {version}{etag}[/]")
    if len(objects) > SHOWN:
        tree.add(f"[dim]and {counted(len(objects) - SHOWN, 'object')} more (--json lists all)[/]")


def _marks(channel: dict[str, Any]) -> str:
    unbound = "" if channel["time_bound"] in {None, True} else "  [yellow]not time-bound[/]"
    return f"{', reused' if channel['reused'] else ''}{unbound}"


def _content(data: dict[str, Any]) -> str:
    rows = f", {counted(data['rows'], 'row')}" if data["rows"] is not None else ""
    return f"{counted(data['files'], 'file')}, {human_size(data['bytes'])}{rows}"


def _run(run: dict[str, Any]) -> str:
    return f"run [bold]{run['run_id']}[/]  {coloured_state(run['status'])}"


def _model(model: dict[str, Any]) -> str:
    aliases = "".join(f" @{plain(alias)}" for alias in model["aliases"])
    return f"model [bold]{model['name']} version {model['version']}[/]{aliases}  {coloured_state(model['status'])}"


def _tree(label: str) -> Tree:
    from rich.tree import Tree

    return Tree(label, guide_style="dim")


_TREES = {"run": _tree_of_run, "model": _tree_of_model, "dataset": _tree_of_data}
