"""Shows one command ``/opt/ml`` and ``/workspace`` as its run's own directories, and changes nothing for anybody else.

Linux alone can: the command gets a mount namespace of its own, whose root has what the machine's root has, and these
two places. The process stays the one that was started: signals, its group and its uid are as without.

It is started as a program, with nothing but the standard library, so that the command's environment passes unchanged:
``python private_view.py ROOT PLACE=DIRECTORY… -- COMMAND…``, where ROOT is an empty directory.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
"""Of ``unshare``, see linux/sched.h."""
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
"""Of ``mount`` and ``umount2``, see linux/mount.h and sys/mount.h."""

PROBE_TIMEOUT_S = 30.0
NOT_FOUND = 127
"""A shell's exit code for a command that it cannot start."""


def prefix(root: Path, places: Mapping[Path, Path]) -> tuple[str, ...] | None:
    """Return what to put before a command so that it sees the places, or None where the system does not allow it.

    Args:
        root: An empty directory of the run's.
        places: Absolute path, as the command is to see it, to the directory that is shown there.
    """
    if sys.platform != "linux":
        return None
    shown = [f"{place}={directory}" for place, directory in places.items()]
    command = (sys.executable, "-I", str(Path(__file__).resolve()), str(root), *shown, "--")
    try:
        tried = subprocess.run([*command, "/bin/true"], capture_output=True, check=False, timeout=PROBE_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return command if tried.returncode == 0 else None


def main(arguments: list[str]) -> None:
    """Make the view and become the command."""
    end = arguments.index("--")
    root, shown, command = Path(arguments[0]), arguments[1:end], arguments[end + 1 :]
    cwd = Path.cwd()
    _leave_namespaces()
    _mount("tmpfs", root, "tmpfs", 0, options=b"mode=755")
    places = {Path(place): Path(directory) for place, _, directory in (each.partition("=") for each in shown)}
    _show(Path("/"), root, places)
    os.chdir(root)
    _call("pivot_root", b".", b".")  # pivot_root(2): the old root comes to lie over the new one, and is taken away
    _call("umount2", b".", MNT_DETACH)
    os.chdir(cwd)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the user's command
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        sys.exit(NOT_FOUND)


def _leave_namespaces() -> None:
    """Get a mount namespace: as root, else with a user namespace in which this user stays the same one."""
    uid, gid = os.getuid(), os.getgid()
    try:
        _call("unshare", CLONE_NEWNS)
    except OSError:
        _call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def _show(source: Path, target: Path, places: Mapping[Path, Path]) -> None:
    """Show the entries of a directory, which may not be there, in an empty one; where places lie in it, the run's."""
    for entry in os.scandir(source) if source.is_dir() else ():
        path, shown = Path(entry.path), target / entry.name
        if path in places:
            continue
        if entry.is_symlink():
            shown.symlink_to(path.readlink())
        elif entry.is_dir() and any(place.is_relative_to(path) for place in places):
            shown.mkdir()
            _show(path, shown, places)
        else:
            shown.mkdir() if entry.is_dir() else shown.touch()
            _mount(path, shown, None, MS_BIND | MS_REC)
    for place, directory in places.items():
        if place.parent == source:
            (target / place.name).mkdir()
            _mount(directory, target / place.name, None, MS_BIND | MS_REC)
        elif place.is_relative_to(source) and not (missing := target / place.relative_to(source).parts[0]).exists():
            missing.mkdir()
            _show(source / missing.name, missing, places)


def _mount(source: Path | str, target: Path, kind: str | None, flags: int, options: bytes | None = None) -> None:
    _call("mount", os.fsencode(source), os.fsencode(target), kind.encode() if kind else None, flags, options)


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library; an error is an ``OSError``."""
    if getattr(_LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


_LIBC = ctypes.CDLL(None, use_errno=True)

if __name__ == "__main__":
    main(sys.argv[1:])
