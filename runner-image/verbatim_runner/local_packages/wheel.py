"""A wheel that lies in the code: unpacked, as installers do, and found from there."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from verbatim.code.unpack import unpack_archive
from verbatim.tree import MAX_CODE_BYTES, MAX_CODE_FILES
from verbatim_runner.local_packages.description import UNKNOWN_VERSION, LocalPackage

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.local_packages.statement import EntryPoints

SUFFIX = ".whl"


def unpack_wheel(file: Path, target: Path) -> LocalPackage:
    """Return the package that a wheel holds, which brings its own metadata.

    Args:
        file: The wheel; not trusted.
        target: The directory to unpack it into, which is not there yet.

    Raises:
        UserFault: It is no archive that can be unpacked safely.
    """
    target.mkdir(parents=True)
    unpack_archive(file, target, max_bytes=MAX_CODE_BYTES, max_files=MAX_CODE_FILES)
    entry_points: EntryPoints = {}
    for distribution in importlib.metadata.distributions(path=[str(target)]):
        for point in distribution.entry_points:
            entry_points.setdefault(point.group, {})[point.name] = point.value
    spread = sorted(target.glob("*.data/*lib"))  # purelib and platlib, of wheels that were spread out
    return LocalPackage(None, UNKNOWN_VERSION, (target, *spread), {}, entry_points)
