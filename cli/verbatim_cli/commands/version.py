"""``verbatim version``."""

from __future__ import annotations

import platform as machine
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

from verbatim import __version__
from verbatim_cli.commands.options import AsJson


def version(*, as_json: AsJson = False) -> None:
    """Print the versions of Verbatim, Airflow and Python."""
    from verbatim_cli.console import print_json

    versions = {"verbatim": __version__, "airflow": _airflow(), "python": machine.python_version()}
    if as_json:
        print_json(versions)
        return
    for name, number in versions.items():
        print(f"{name:<9} {number or 'not installed here'}")


def _airflow() -> str | None:
    try:
        return version_of("apache-airflow-core")
    except PackageNotFoundError:
        return None
