"""Whether the Debian packages that a project needs are where this stage runs. Installs nothing.

A stage in a container that lacks some ends, and says which it needs: it is run again in an image that has them.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from verbatim.errors import UserFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verbatim_runner.stage_context import StageContext

_FORMAT = "${db:Status-Status}\t${Package}\t${Version}\t${Provides}\n"


class SystemPackagesNeeded(Exception):
    """The stage can go on only where these packages are; no failure."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages
        super().__init__(f"needs {' '.join(packages)}")


def ensure_system_packages(context: StageContext, packages: Sequence[str]) -> tuple[str, ...]:
    """Return the packages as ``name=version``, sorted; with the process engine, warn of those that are not there.

    Args:
        context: The stage's.
        packages: Names of Debian packages, as ``apt.txt`` has them.

    Raises:
        SystemPackagesNeeded: This container lacks one. It passes through the stage, which runs again with all of them.
        UserFault: A name could be taken for something else.
    """
    if not packages:
        return ()
    if odd := [name for name in packages if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]", name)]:
        raise UserFault(f"{odd[0]!r} is not the name of a Debian package", field="apt.txt")
    installed = dict(_installed())
    missing = sorted(set(packages) - installed.keys())
    if missing and context.request.engine == "docker":
        raise SystemPackagesNeeded(tuple(sorted(set(packages))))
    if missing:
        context.warn(
            f"apt.txt names what this machine does not have, and the process engine installs nothing on it: "
            f"sudo apt-get install {' '.join(missing)}"
        )
    return tuple(sorted({installed[name] for name in packages if name in installed}))


def _installed() -> Iterator[tuple[str, str]]:
    """Yield each installed package, or what one provides, with the ``name=version`` that stands for it."""
    try:
        done = subprocess.run(
            ["dpkg-query", "--show", f"--showformat={_FORMAT}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:  # no Debian
        return
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    present = [(name, version, provides) for status, name, version, provides in rows if status == "installed"]
    for name, version, provides in present:
        for virtual in re.findall(r"([a-z0-9][a-z0-9+.-]+)(?:\s*\([^)]*\))?(?:,\s*|$)", provides):
            yield virtual, f"{name}={version}"
    for name, version, _ in present:  # a package itself comes before what others provide
        yield name, f"{name}={version}"
