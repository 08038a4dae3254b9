"""``verbatim profile``: a draft of a suite, from a snapshot that is good."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from verbatim_cli.commands.options import AsJson

if TYPE_CHECKING:
    from verbatim.data.datasets import Dataset
    from verbatim.draft import DraftSuite
    from verbatim.stage import StageRequest
    from verbatim.store import Store


def profile(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="A snapshot's digest (8 characters do), RUN:CHANNEL or RUN.")
    ],
    *,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the suite there; a file that is there is kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draft a Great Expectations suite that a snapshot meets: types, nulls, ranges, values, rows. Look it over."""
    from verbatim.errors import UserFault
    from verbatim_cli.console import print_json

    if output and output.exists():
        raise UserFault(f"{output} is there already; name another file, or remove it")
    found, draft = _draft(dataset)
    if output:
        _write(output, draft)
    if as_json:
        named = {"run_id": found.run_id, "channel": found.channel, "snapshot": found.snapshot.digest}
        print_json(
            {
                "dataset": named,
                **draft.model_dump(mode="json", exclude={"expectations", "name"}),
                "suite": draft.suite(),
            }
        )
    elif output:
        _print(output, found, draft)
    else:
        print_json(draft.suite())


def _draft(name: str) -> tuple[Dataset, DraftSuite]:
    import threading

    from verbatim.data.datasets import find_dataset
    from verbatim.launch import launch_profile
    from verbatim.stage import StageSecrets
    from verbatim_cli.console import plain, stderr
    from verbatim_cli.opening import find_run, open_catalog, open_settings, open_store, store_credentials

    settings = open_settings()
    store, catalog = open_store(settings), open_catalog(settings)
    found = find_dataset(store, catalog, name, lambda run: find_run(catalog, run))
    _refuse_quarantined(store, found)
    with stderr().status("Looking") as progress:
        draft = launch_profile(
            _request(store, found, settings.cache_dir), StageSecrets(store=store_credentials(settings)),
            zipapp=Path(settings.runner), stop=threading.Event(), on_line=lambda line: progress.update(plain(line)),
        )  # fmt: skip
    return found, draft


def _refuse_quarantined(store: Store, found: Dataset) -> None:
    """Refuse data that did not meet its suite: a draft would take its faults for the rule."""
    from verbatim.errors import NotFound, UserFault
    from verbatim.snapshot import Quarantine
    from verbatim.store import layout

    try:
        note = store.read(layout.quarantine(found.snapshot.digest), Quarantine)
    except NotFound:
        return
    if note.lifted_by is None:
        raise UserFault(
            f"the snapshot {found.snapshot.digest[:16]} is in quarantine: in the run {note.run_id} it did not meet "
            f"{note.suite} ({', '.join(note.failed[:3])}). Draft from one that is good"
        )


def _request(store: Store, found: Dataset, cache_dir: str) -> StageRequest:
    from verbatim.record import latest_results
    from verbatim.spec import RunSpec
    from verbatim.stage import ExtractOutputs, StageRequest
    from verbatim.store import layout

    extracted = latest_results(store, found.run_id)["extract"]
    snapshots = ExtractOutputs(snapshots={found.channel: found.snapshot})
    return StageRequest(
        run_id=found.run_id, stage="validate", try_number=1, spec=store.read(layout.spec(found.run_id), RunSpec),
        inputs={"extract": extracted.model_copy(update={"outputs": snapshots})}, store_url=store.url,
        engine="process", cache_dir=cache_dir,
    )  # fmt: skip


def _write(output: Path, draft: DraftSuite) -> None:
    import json

    from verbatim.errors import UserFault

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(draft.suite(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserFault(f"{output} cannot be written: {error.strerror}") from None


def _print(output: Path, found: Dataset, draft: DraftSuite) -> None:
    from verbatim_cli.console import plain, stdout

    out = stdout()
    met = f"{len(draft.expectations)} expectations that {plain(found.channel)} of {found.run_id} meets"
    out.print(f"{plain(str(output))}: {met}")
    out.print(f"drafted from  {draft.rows:,} rows of {draft.columns} columns, snapshot {found.snapshot.digest[:16]}")
    if draft.left_out:
        out.print(f"left out      {plain(', '.join(draft.left_out))}: nothing but the names is said of these")
    out.print("Look it over, then name it in the conf: " + plain('"validation": {"' + found.channel + '": "FILE"}'))
