"""What to try after a failure, from what it looks like and from what is known of the code and its environment.

One piece of advice a function, from a failure's message and the ``Background`` to a sentence or None; all that apply
are given. None of it is certain, and none of it is tried here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from verbatim_runner.environment.distributions import is_known, requirement_of
from verbatim_runner.training.system_libraries import advise_library

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from verbatim.spec import RunSpec
    from verbatim.stage import PrepareOutputs

OLD = timedelta(days=180)
"""Code is much older than its packages from here on."""

VERY_OLD = timedelta(days=730)
"""From here on the packages are suspected in whatever error may be theirs."""

_NO_MODULE = re.compile(r"No module named '(?P<module>[\w.]+)'|there is no package called .(?P<package>[\w.]+).")
_REMOVED = re.compile(
    r"AttributeError: (?!'NoneType')|ImportError: (?!lib)|ModuleNotFoundError: No module named '\w+\."
    r"|Weights only load failed|unexpected keyword argument|[uU]nknown keyword argument"
    r"|takes \d+ positional arguments?|missing \d+ required"
    r"|InvalidParameterError|inhomogeneous shape"
    r"|(has been|have been|was|were|is) (removed|deprecated)|no longer (supported|available)"
)
"""How it looks when a package no longer has what the code asks of it."""
_PERHAPS_REMOVED = re.compile(
    r"^(?:[\w.]+\.)?(?:Type|Value|Runtime|Key|Index|Attribute|NotImplemented)Error:", re.MULTILINE
)
_RAISED_BY_PACKAGE = re.compile(r"^[a-z_]\w*\.[\w.]*(?:Error|Exception)\b", re.MULTILINE)
"""An error's class with its module, as Python shows those that are not its own."""
_NETWORK = re.compile(
    r"URLError|HTTPError|ConnectionError|Connect(ion)?Timeout|ConnectionRefused|ConnectionReset|gaierror|MaxRetryError"
    r"|NameResolutionError|SSLError|ProxyError|name resolution|cannot open URL|Could not resolve host"
)

_MLFLOW = re.compile(r"/api/\d\.\d/mlflow/")


@dataclass(frozen=True)
class Background:
    """What is known of a failed command's code and environment.

    Attributes:
        committed_at: When the code was last changed; None where nobody knows.
        packages_until: The date of the newest releases that its packages may be of.
        follows_commit: Whether the packages were already chosen by the code's date.
        declared_by: What the dependencies were read from.
        lfs_pointers: Files of the code whose content was not fetched.
    """

    committed_at: datetime | None
    packages_until: datetime
    follows_commit: bool
    declared_by: str
    lfs_pointers: tuple[str, ...]

    @classmethod
    def of(cls, prepared: PrepareOutputs, spec: RunSpec) -> Background:
        """Return the background of a run."""
        return cls(
            committed_at=prepared.code.committed_at or spec.code.committed_at,
            packages_until=prepared.environment.as_of or spec.as_of,
            follows_commit=spec.environment.as_of == "commit",
            declared_by=prepared.environment.declared_by,
            lfs_pointers=prepared.code.lfs_pointers,
        )


def advise(said: str, background: Background) -> list[str]:
    """Return what to try.

    Args:
        said: The error, or the last words where there is none.
        background: What is known besides.
    """
    return [advice for advisor in ADVISORS if (advice := advisor(said, background))]


def _of_missing_module(said: str, background: Background) -> str | None:
    match = _NO_MODULE.search(said)
    if match is None or (match["module"] and "." in match["module"]):
        return None
    if match["package"]:
        return (
            f"Declare it: add the Debian package of {match['package']} (r-cran-{match['package'].lower()}) to apt.txt."
        )
    module = match["module"]
    what = f"add {requirement_of(module)}" if is_known(module) else f"add the package that provides {module!r}"
    return (
        f"Declare it: {what} to requirements.txt. It was neither declared ({background.declared_by}) "
        "nor added for an import that was found."
    )


def _of_missing_library(said: str, _background: Background) -> str | None:
    return advise_library(said)


def _of_age(said: str, background: Background) -> str | None:
    changed = background.committed_at
    age = background.packages_until - changed if changed else timedelta(0)
    if changed is None or background.follows_commit or age < OLD:
        return None
    suspected = _REMOVED.search(said) or _RAISED_BY_PACKAGE.search(said)
    if not suspected and not (age >= VERY_OLD and _PERHAPS_REMOVED.search(said)):
        return None
    return (
        f"The code was last changed on {changed:%Y-%m-%d}, and its packages may be as new as of "
        f"{background.packages_until:%Y-%m-%d}. If it needs those of its time, say in the conf: "
        '"environment": {"as_of": "commit"}'
    )


def _of_network(said: str, _background: Background) -> str | None:
    if not _NETWORK.search(said):
        return None
    if _MLFLOW.search(said):
        return (
            "The code logs to an MLflow server whose address is fixed in it (mlflow.set_tracking_uri), and "
            "none answers there. No server is needed: without that line what it logs becomes the run's."
        )
    return (
        "The code itself asked for something over the network and did not get it. If it is data, give it as a channel "
        '(the conf\'s "data"); proxies and certificates of this machine are passed on to the code.'
    )


def _of_lfs(said: str, background: Background) -> str | None:
    named = [path for path in background.lfs_pointers if PurePosixPath(path).name in said]
    if not named:
        return None
    return f"{named[0]} is a git LFS pointer: its content is elsewhere and was not fetched. Give it as a channel."


ADVISORS: tuple[Callable[[str, Background], str | None], ...] = (
    _of_missing_module,
    _of_missing_library,
    _of_age,
    _of_network,
    _of_lfs,
)
