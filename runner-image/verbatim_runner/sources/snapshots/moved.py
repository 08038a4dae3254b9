"""Says in words how what a source holds differs from what it held: what a run that cannot be proven is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verbatim.snapshot import Column, DatasetSnapshot, SourceObject, SourceState

_NAMED = 5


def difference(then: SourceState, now: SourceState) -> str | None:
    """Return how a source's state differs; None where nothing says that its data does.

    Args:
        then: An earlier state.
        now: The present one.
    """
    if then.objects or now.objects:
        return objects_difference(then.objects, now.objects)
    if None not in (then.rows, now.rows) and then.rows != now.rows:
        return f"it had {then.rows} rows and has {now.rows} now"
    if are_comparable(then, now) and then.fingerprint != now.fingerprint:
        return f"of its {now.rows} rows, as many as before, some are not the same any more"
    return None


def are_comparable(then: SourceState, now: SourceState) -> bool:
    """Return whether both fingerprints were made in the same way: of others, equal rows may have different ones."""
    if then.fingerprint is None or now.fingerprint is None:
        return False
    return then.fingerprint.partition(":")[0] == now.fingerprint.partition(":")[0]


def objects_difference(then: Sequence[SourceObject], now: Sequence[SourceObject]) -> str | None:
    """Return which objects are gone, replaced and new; None where none is."""
    before, after = {item.path: item for item in then}, {item.path: item for item in now}
    gone = [path for path in before if path not in after]
    new = [path for path in after if path not in before]
    replaced = [
        f"{path} ({_described(item)}, now {_described(after[path])})"
        for path, item in before.items()
        if path in after and not _same(item, after[path])
    ]
    parts = [_listed(gone, "gone or overwritten since"), _listed(replaced, "replaced"), _listed(new, "new")]
    return "; ".join(part for part in parts if part) or None


def content_difference(then: DatasetSnapshot, now: DatasetSnapshot) -> str:
    """Return how two tables whose rows are not the same differ."""
    columns = _columns_difference(then.columns or (), now.columns or ())
    if then.rows != now.rows:
        return f"it had {then.rows} rows and has {now.rows} now{columns}"
    return f"of its {now.rows} rows, as many as before, some are not the same any more{columns}"


def _columns_difference(then: Sequence[Column], now: Sequence[Column]) -> str:
    before, after = {item.name: item.type for item in then}, {item.name: item.type for item in now}
    changes = [f"{name} is gone" for name in before if name not in after]
    changes += [f"{name} is new" for name in after if name not in before]
    changes += [
        f"{name} was {kind} and is {after[name]}" for name, kind in before.items() if after.get(name, kind) != kind
    ]
    if not changes:
        return ""
    return "; of its columns " + ", ".join(changes[:_NAMED]) + (", …" if len(changes) > _NAMED else "")


def _same(then: SourceObject, now: SourceObject) -> bool:
    """Return whether two objects hold the same: by ETag where the source has one, else by their time."""
    if then.etag and now.etag:
        return (then.etag, then.size) == (now.etag, now.size)
    return (then.modified_at, then.size) == (now.modified_at, now.size)


def _described(item: SourceObject) -> str:
    known = [f"{item.size} bytes", f"of {item.modified_at.isoformat()}"]
    known += [f"ETag {item.etag}"] if item.etag else []
    known += [f"version {item.version}"] if item.version else []
    return ", ".join(known)


def _listed(names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {'is' if len(names) == 1 else 'are'} {what}: {', '.join(names[:_NAMED])}{more}"
