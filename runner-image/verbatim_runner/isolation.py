"""As whom things run inside a stage: the runner, the installation of dependencies, and the user's command.

In a container the runner starts as root with few capabilities. It works as the owner of the store (so that a local
store's files belong to the person who runs the platform), installs as ``builder`` and runs as ``trainer`` what others
wrote: the user's command, and the code that builds a package from its source. Neither can read the runner's files, and
nothing that others wrote runs as ``builder``, which owns the cache that all runs of a host share. With the process
engine there is one uid, and nothing to switch.
"""

from __future__ import annotations

import os
import stat
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nobody's on any host, whose store's owner the runner works as: Debian reserves them (policy, 9.2.2), and systemd
# (systemd.io/UIDS-GIDS) gives them to no service. Below 65536, so that they are there in user namespaces too.
TRAINER_UID = 65521
BUILDER_UID = 65522


@dataclass(frozen=True)
class Isolation:
    """Whether uids can be switched here.

    Attributes:
        switches: True in the container, False with the process engine.
    """

    switches: bool

    def as_trainer(self) -> dict[str, Any]:
        """Return ``subprocess`` arguments that run the user's command unprivileged; use inside ``as_root``."""
        return self._as(TRAINER_UID)

    def as_builder(self) -> dict[str, Any]:
        """Return ``subprocess`` arguments that run an installation unprivileged; use inside ``as_root``."""
        return self._as(BUILDER_UID)

    def as_runner(self) -> dict[str, Any]:
        """Return ``subprocess`` arguments that run a tool as the runner; ask before ``as_root``, use inside it.

        A child that merely inherits the effective uid would keep root as its real one, and could return to it.
        """
        return {"user": os.geteuid(), "group": os.getegid(), "extra_groups": []} if self.switches else {}

    def _as(self, uid: int) -> dict[str, Any]:
        return {"user": uid, "group": uid, "extra_groups": []} if self.switches else {}

    def give_to_trainer(self, path: Path) -> None:
        """Make the user's command the owner of a directory tree; links are not followed."""
        self._give(path, TRAINER_UID)

    def give_to_builder(self, path: Path) -> None:
        """Make installations the owner of a directory (not of what is in it)."""
        if self.switches:
            with self.as_root():
                os.chown(path, BUILDER_UID, BUILDER_UID)

    def give_to_root(self, path: Path) -> None:
        """Let nobody but root change a directory tree any more, whatever its modes; links are not followed."""
        self._give(path, 0)
        if not self.switches:
            return
        with self.as_root():
            for entry in (path, *path.rglob("*")):
                mode = entry.lstat().st_mode
                if mode & 0o022 and not stat.S_ISLNK(mode):
                    entry.chmod(stat.S_IMODE(mode) & ~0o022)

    def _give(self, path: Path, uid: int) -> None:
        if not self.switches:
            return
        with self.as_root():
            os.lchown(path, uid, uid)
            for folder, directories, files in os.walk(path):
                for name in (*directories, *files):
                    os.lchown(Path(folder) / name, uid, uid)

    def work_as_owner_of(self, path: Path) -> None:
        """Let the runner itself work as the owner of a directory, so that what it writes there is theirs.

        Raises:
            PlatformFault: It belongs to one of those that the runner is to be protected from.
        """
        if not self.switches:
            return
        owner = path.stat()
        if {owner.st_uid, owner.st_gid} & {TRAINER_UID, BUILDER_UID}:
            raise PlatformFault(
                f"the store belongs to {owner.st_uid}:{owner.st_gid}; {TRAINER_UID} and {BUILDER_UID} are whom the "
                "user's code runs as. Give the store to another user"
            )
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)

    def make_directory(self, path: Path) -> None:
        """Make a directory that the runner owns as it works now, also where only root can write."""
        owner, group = os.geteuid(), os.getegid()
        with self.as_root():
            path.mkdir(parents=True, exist_ok=True)
            if self.switches:
                os.chown(path, owner, group)

    def end_trainer(self) -> None:
        """End all that runs as the trainer, so that nothing of it can change a file that the runner reads.

        Only in a container, where -1 means every process of that uid in the container.
        """
        if not self.switches:
            return
        with self.as_root():
            subprocess.run(
                ["/bin/sh", "-c", "kill -KILL -1"], stderr=subprocess.DEVNULL, check=False, **self.as_trainer()
            )

    @contextmanager
    def as_root(self) -> Iterator[None]:
        """Be root for a moment, to switch uid or to read what the user's command left."""
        before = os.geteuid()
        if not self.switches or before == 0:
            yield
            return
        os.seteuid(0)
        try:
            yield
        finally:
            os.seteuid(before)
