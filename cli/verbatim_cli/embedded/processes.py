"""Finding and ending the processes of a home, whoever their parent is by now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

from verbatim_cli.embedded.configuration import COMPONENT, MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KILL_WAIT_S = 10.0


def of_home(root: Path, component: str | None = None) -> list[psutil.Process]:
    """Return the processes that carry the home's marker, and all their descendants; never this one or its ancestors.

    Args:
        root: The home's path.
        component: Only those of one component.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in spared and _is_marked(process, root, component):
            found |= {member.pid: member for member in [process, *_descendants(process)] if member.pid not in spared}
    return list(found.values())


def descendants(pid: int) -> list[psutil.Process]:
    """Return all processes below one; none if it is gone."""
    try:
        return _descendants(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return []


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill processes and wait until they are gone."""
    doomed = list(processes)
    for process in doomed:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(doomed, timeout=KILL_WAIT_S)


def is_alive(pid: int, created: float) -> bool:
    """Return whether the very process that had this pid at this creation time still runs."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_marked(process: psutil.Process, root: Path, component: str | None) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    return environment.get(MARKER) == str(root) and component in {None, environment.get(COMPONENT)}


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
