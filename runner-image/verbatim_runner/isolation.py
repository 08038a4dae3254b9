"""As whom things run inside a stage: the runner, the installation of dependencies, and the user's command.

In a container the runner starts as root with few capabilities. It works as the owner of the store (so that a local
store's files belong to the person who runs the platform), installs as ``builder`` and runs the user's command as
``trainer``; neither can read the runner's files. With the process engine there is one uid, and nothing to switch.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TRAINER_UID = 1001
BUILDER_UID = 1002


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

    def give_tree_to_builder(self, path: Path) -> None:
        """Make installations the owner of a directory tree; links are not followed."""
        self._give(path, BUILDER_UID)

    def _give(self, path: Path, uid: int) -> None:
        if not self.switches:
            return
        with self.as_root():
            os.lchown(path, uid, uid)
            for folder, directories, files in os.walk(path):
                for name in (*directories, *files):
                    os.lchown(Path(folder) / name, uid, uid)

    def work_as_owner_of(self, path: Path) -> None:
        """Let the runner itself work as the owner of a directory, so that what it writes there is theirs."""
        if not self.switches:
            return
        owner = path.stat()
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)

    def make_directory(self, path: Path) -> None:
        """Make a directory that the runner owns as it works now, also where only root can write."""
        owner, group = os.geteuid(), os.getegid()
        with self.as_root():
            path.mkdir(parents=True, exist_ok=True)
            if self.switches:
                os.chown(path, owner, group)

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
