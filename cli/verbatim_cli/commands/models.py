"""``verbatim models``, ``download`` and ``promote``: the model store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from verbatim_cli.commands.options import AsJson

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim.catalog import Catalog
    from verbatim.lifecycle import RunLifecycle
    from verbatim.manifest import ModelVersion


def models(
    name: Annotated[str | None, typer.Argument(help="Only this model's versions.")] = None, *, as_json: AsJson = False
) -> None:
    """List model versions, the newest first."""
    from verbatim_cli.console import human_size, human_time, print_json, print_table
    from verbatim_cli.opening import open_books
    from verbatim_cli.summary import coloured_state

    books = open_books()
    rows = [_describe(books, version.name, version.version) for version in books.catalog.versions(name)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        print("No model version yet.")
        return
    print_table(
        ("model", ">version", "status", "aliases", ">size", "run", "registered"),
        (
            (
                row["name"], str(row["version"]), coloured_state(row["status"]), ", ".join(row["aliases"]) or "-",
                human_size(sum(file["size"] for file in row["files"])), row["run_id"], human_time(row["created_at"]),
            )
            for row in rows
        ),
    )  # fmt: skip


def download(
    what: Annotated[
        str, typer.Argument(metavar="RUN|MODEL[:VERSION|@ALIAS]", help="A model without more: its latest candidate.")
    ],
    directory: Annotated[str, typer.Argument(metavar="DIR", help="Empty, or made.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Fetch a model's files into DIR; of a run also what else it left, into DIR/model, artifacts, checkpoints."""
    from pathlib import Path

    from verbatim.errors import UserFault
    from verbatim_cli.console import counted, human_size, print_json, stderr
    from verbatim_cli.opening import open_books

    target = Path(directory)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserFault(f"{target} is there already; name a directory that is empty or not there", field="DIR")
    books = open_books()
    subject, files = _files_of(books, what)
    with stderr().status(f"Fetching {subject}"):
        for path, file in files.items():
            books.store.fetch_blob(file["sha256"], _inside(target, path))
    if as_json:
        print_json({"subject": subject, "directory": str(target.resolve()), "files": sorted(files)})
    else:
        size = human_size(sum(file["size"] for file in files.values()))
        print(f"{subject}: {counted(len(files), 'file')}, {size}, in {target}")


def promote(
    name: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[int, typer.Argument(help="A candidate.")],
    *,
    alias: Annotated[str, typer.Option(help="The alias to move.")] = "champion",
    reason: Annotated[str, typer.Option(help="Why, for the audit.")] = "promoted by hand",
    as_json: AsJson = False,
) -> None:
    """Make a model version the champion. Rejected versions are refused."""
    from getpass import getuser

    from verbatim_cli.console import print_json
    from verbatim_cli.opening import open_catalog, open_settings

    catalog = open_catalog(open_settings())
    before = catalog.aliases(name).get(alias)
    catalog.set_alias(name, alias, version, actor=getuser(), reason=reason)
    if as_json:
        print_json({"name": name, "alias": alias, "version": version, "before": before})
    else:
        was = f" (was {before})" if before not in {None, version} else ""
        print(f"{name}@{alias} is version {version}{was}.")


def _describe(books: RunLifecycle, name: str, version: int) -> dict[str, Any]:
    document = _document(books, name, version)
    aliases = [alias for alias, number in books.catalog.aliases(name).items() if number == version]
    return document.model_dump(mode="json", exclude={"schema_version"}) | {"aliases": aliases}


def _document(books: RunLifecycle, name: str, version: int) -> ModelVersion:
    from verbatim.manifest import ModelVersion
    from verbatim.store import layout

    return books.store.read(layout.model(name, version), ModelVersion)


def _files_of(books: RunLifecycle, what: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return what is meant, and its files by the path to write each to."""
    from verbatim.record import run_record
    from verbatim_cli.opening import find_run

    name, selector = _split(what)
    if selector is not None or _has_model(books.catalog, name):
        row = books.catalog.resolve(name, selector)
        files = _document(books, row.name, row.version).model_dump(mode="json")["files"]
        return f"{row.name} version {row.version}", {file["path"]: file for file in files}
    record = run_record(books.store, books.catalog, find_run(books.catalog, what))
    parts = {
        "model": record["model"]["files"] if record["model"] else [],
        "artifacts": record["artifacts"],
        "checkpoints": record["checkpoints"],
    }
    return record["run_id"], {f"{part}/{file['path']}": file for part, files in parts.items() for file in files}


def _split(what: str) -> tuple[str, str | None]:
    """Split ``name:3`` and ``name@alias`` into the name and the catalog's selector."""
    if "@" in what:
        name, alias = what.split("@", 1)
        return name, f"@{alias}"
    name, colon, version = what.partition(":")
    return name, version if colon else None


def _has_model(catalog: Catalog, name: str) -> bool:
    return bool(catalog.versions(name))


def _inside(target: Path, path: str) -> Path:
    """Return the path below the target; the store is shared, so its names are not trusted to stay there."""
    from verbatim.errors import PlatformFault

    inside = target / path
    if not inside.resolve().is_relative_to(target.resolve()):
        raise PlatformFault(f"the store names a file outside of its directory: {path!r}")
    return inside
