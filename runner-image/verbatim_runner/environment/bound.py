"""Keeps the host's cache of environments and packages within its limit: what was not used for longest goes first.

A stage holds a shared lock on every environment that it uses as long as it lives, and one on the whole cache while it
builds; only what nobody holds is removed. The record of an environment goes first, so that one which is half gone is no
environment any more. Looked after whenever one was built: nothing else lets the cache grow.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.errors import VerbatimError
from verbatim_runner.console import megabytes
from verbatim_runner.environment.uv import cache_dir, run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verbatim_runner.stage_context import StageContext

_UNTIL_FREE = {"UV_LOCK_TIMEOUT": "1"}
"""Seconds that uv waits for others of its kind to let go of the cache; they leave theirs when they end."""


def hold(context: StageContext, home: Path) -> bool:
    """Take an environment into use until the stage ends.

    Args:
        context: The stage's.
        home: The environment.

    Returns:
        Whether it is there; False also while it is being built or removed.
    """
    if not record_of(home).exists():
        return False
    with context.isolation.as_root():
        lock = _lock(home.with_suffix(".lock"), fcntl.LOCK_SH)
        if lock is None:
            return False
        try:
            os.utime(record_of(home))
        except FileNotFoundError:
            os.close(lock)
            return False
    context.closing.callback(os.close, lock)
    return True


def record_of(home: Path) -> Path:
    """Return the path of an environment's record; one without is not finished."""
    return home.with_suffix(".json")


@contextmanager
def building(context: StageContext) -> Iterator[None]:
    """Keep others from removing anything: what is built may be made of what is there."""
    context.isolation.make_directory(_environments(context))
    with context.isolation.as_root():
        lock = os.open(_environments(context) / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def keep_within_limit(context: StageContext) -> None:
    """Remove environments, and where that is not enough the packages, until the limit is kept.

    Does nothing while another stage builds: that one does it afterwards.
    """
    with context.isolation.as_root():
        alone = _lock(_environments(context) / "lock", fcntl.LOCK_EX)
    if alone is None:
        return
    try:
        with context.isolation.as_root():
            known = [_Known.of(path) for path in _environments(context).iterdir() if path.is_dir()]
        excess = sum(each.size for each in known) + _packages(context) - context.request.limits.environment_bytes
        if excess > 0:
            excess -= _clear_packages(context, "prune")
        for each in sorted(known, key=lambda each: each.used_at):
            if excess > 0 and _remove(context, each.home):
                context.console.say(f"the cache is full: removed an environment of {megabytes(each.size)}")
                excess -= each.size
        if excess > 0:
            _clear_packages(context, "clean")
    finally:
        os.close(alone)


@dataclass(frozen=True)
class _Known:
    home: Path
    size: int
    used_at: float

    @classmethod
    def of(cls, home: Path) -> _Known:
        """Return what is known of an environment; one that was never finished counts as never used."""
        try:
            record = record_of(home)
            size = json.loads(record.read_text()).get("bytes")
            return cls(home, size_of(home) if size is None else size, record.stat().st_mtime)
        except FileNotFoundError:
            return cls(home, size_of(home), 0)


def size_of(directory: Path) -> int:
    """Return the bytes of a directory's files, links not followed; those that go meanwhile do not count."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(folder, name).lstat().st_size
    return total


def _environments(context: StageContext) -> Path:
    return context.cache_dir / "environments"


def _packages(context: StageContext) -> int:
    with context.isolation.as_root():
        return size_of(cache_dir(context))


def _clear_packages(context: StageContext, how: str) -> int:
    """Have uv remove packages, unless others use its cache; return the bytes that are gone."""
    before = _packages(context)
    with suppress(VerbatimError):
        run_uv(
            context, "cache", how, "--quiet", cwd=context.work_dir, purpose="clearing the cache of packages",
            variables=_UNTIL_FREE,
        )  # fmt: skip
    return before - _packages(context)


def _remove(context: StageContext, home: Path) -> bool:
    """Remove an environment, unless a stage uses it."""
    with context.isolation.as_root():
        lock = _lock(home.with_suffix(".lock"), fcntl.LOCK_EX)
        if lock is None:
            return False
        try:
            record_of(home).unlink(missing_ok=True)
            shutil.rmtree(home, ignore_errors=True)
        finally:
            os.close(lock)
    return True


def _lock(path: Path, kind: int) -> int | None:
    """Return the descriptor of a lock that is held now, or None where others hold it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
