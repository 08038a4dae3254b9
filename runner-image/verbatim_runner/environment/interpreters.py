"""Which Python an environment is made of: the platform's own, another of this machine, or one that uv fetches.

Never one of a virtual environment, and none of the project's.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from verbatim.errors import PlatformFault, UserFault
from verbatim_runner.environment.uv import run_uv

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim_runner.environment.declared import PythonDemand
    from verbatim_runner.stage_context import StageContext

_FIELD = "environment.python"
_MINORS = 40
_ANY_PATCH = 5


@dataclass(frozen=True)
class Interpreter:
    """A Python of this machine.

    Attributes:
        path: Of its executable.
        version: In full, such as ``3.11.2``.
        why: Why this one, for the record; None where nothing demands one.
    """

    path: str
    version: str
    why: str | None = None

    @property
    def minor(self) -> str:
        """The version that packages are built for, such as ``3.11``."""
        return self.version.rpartition(".")[0]

    def because(self, why: str) -> Interpreter:
        """Return the same with a reason."""
        return Interpreter(self.path, self.version, why)


def own_interpreter() -> Interpreter:
    """Return the Python that runs this, outside any virtual environment."""
    return Interpreter(str(getattr(sys, "_base_executable", None) or sys.executable), platform.python_version())


def choose_interpreter(context: StageContext, demand: PythonDemand | None) -> Interpreter:
    """Return the Python that the conf asks for, else the one that the project demands, else the platform's own.

    The platform's own is taken where it meets the demand, else the nearest of this machine that does, else one is
    fetched. With ``environment.relax`` the nearest stands in for one that cannot be had.

    Args:
        context: The stage's.
        demand: The project's.

    Raises:
        UserFault: There is none, and none can be fetched.
    """
    demanded, source = _demanded(context, demand)
    own = own_interpreter()
    if demanded is None:
        return own
    why = f"{source} demands {demanded}"
    if _meets(own, demanded):
        return own.because(why)
    available = available_interpreters(context)
    if fitting := _nearest(interpreter for interpreter in available if _meets(interpreter, demanded)):
        return fitting.because(why)
    try:
        return _fetch(context, demanded).because(f"{why}; fetched")
    except (UserFault, PlatformFault) as failure:
        nearest = _standing_in(available, demanded)
        if context.request.spec.environment.relax:
            context.warn(f"{why}, which is not here; Python {nearest.version} is taken instead (environment.relax)")
            return nearest.because(f"{why}, which is not here: the nearest that is (relax)")
        raise UserFault(_missing(why, available, nearest, failure), field=_FIELD) from None


def find_interpreter(context: StageContext, version: str) -> Interpreter:
    """Return a Python of this host that a lock made for another's can be installed with: of the same minor version.

    Args:
        context: The stage's.
        version: In full, such as ``3.11.2``.

    Raises:
        PlatformFault: There is none, and none can be fetched.
    """
    own = own_interpreter()
    demanded = SpecifierSet(f"=={version.rpartition('.')[0]}.*")
    if _meets(own, demanded):
        return own
    fitting = [interpreter for interpreter in available_interpreters(context) if _meets(interpreter, demanded)]
    if fitting:
        return next((found for found in fitting if found.version == version), fitting[0])
    try:
        return _fetch(context, demanded)
    except (UserFault, PlatformFault) as failure:
        raise PlatformFault(
            f"the environment was locked for Python {version}, which this host does not have; "
            f"it has {_listed(available_interpreters(context))}. Fetching it failed: {_first_line(failure)}"
        ) from None


def available_interpreters(context: StageContext) -> tuple[Interpreter, ...]:
    """Return the Pythons of this machine, its own first, then the newest first; one of each version."""
    found: dict[str, Interpreter] = {own_interpreter().version: own_interpreter()}
    listed = run_uv(
        context, "python", "list", "--only-installed", "--output-format", "json", cwd=context.work_dir,
        purpose="looking for Python", variables=_search(context),
    )  # fmt: skip
    for entry in json.loads(listed or "[]"):
        if entry["implementation"] == "cpython" and entry["variant"] == "default" and _is_base(Path(entry["path"])):
            found.setdefault(entry["version"], Interpreter(entry["path"], entry["version"]))
    return tuple(found.values())


def _demanded(context: StageContext, demand: PythonDemand | None) -> tuple[SpecifierSet | None, str]:
    asked = context.request.spec.environment.python
    if asked:
        return SpecifierSet(f"=={asked}.*" if asked.count(".") == 1 else f"=={asked}"), "the conf"
    if demand is None:
        return None, ""
    try:
        return SpecifierSet(demand.specifier), demand.declared_by
    except InvalidSpecifier:
        raise UserFault(
            f'{demand.declared_by} demands the Python {demand.specifier!r}, which is no version; name one: '
            f'"environment": {{"python": "{own_interpreter().minor}"}}', field=_FIELD,
        ) from None  # fmt: skip


def _meets(interpreter: Interpreter, demanded: SpecifierSet) -> bool:
    return demanded.contains(interpreter.version, prereleases=True)


def _nearest(interpreters: Iterable[Interpreter]) -> Interpreter | None:
    """Return the one whose version is nearest to the platform's own."""
    own = _ordinal(own_interpreter())
    return min(interpreters, key=lambda interpreter: abs(_ordinal(interpreter) - own), default=None)


def _standing_in(interpreters: Iterable[Interpreter], demanded: SpecifierSet) -> Interpreter:
    """Return the one whose version is nearest to what is demanded."""
    wanted = [minor for minor in range(_MINORS) if demanded.contains(f"3.{minor}.{_ANY_PATCH}", prereleases=True)]
    wanted = wanted or [_ordinal(own_interpreter())]
    return min(interpreters, key=lambda interpreter: min(abs(_ordinal(interpreter) - minor) for minor in wanted))


def _ordinal(interpreter: Interpreter) -> int:
    return int(interpreter.version.split(".")[1])


def _search(context: StageContext) -> dict[str, str]:
    """Return where uv looks: what it fetched before, and PATH with what pyenv's shims on it stand for."""
    path = os.environ.get("PATH", os.defpath)
    homes = {Path(part).parent / "versions" for part in path.split(os.pathsep) if part}
    homes.add(Path(os.path.expanduser("~/.pyenv/versions")))  # noqa: PTH111 - pathlib's raises where there is no home
    kept = sorted((str(found) for home in homes if home.is_dir() for found in home.glob("3.*/bin")), reverse=True)
    return {"PATH": os.pathsep.join([path, *kept]), "UV_PYTHON_INSTALL_DIR": str(_kept(context))}


def _kept(context: StageContext) -> Path:
    return context.cache_dir / "pythons"


def _is_base(executable: Path) -> bool:
    """Return whether an executable is a Python itself: neither a virtual environment's nor a script."""
    if any((directory / "pyvenv.cfg").exists() for directory in executable.parents[:2]):
        return False
    try:
        with executable.open("rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False


def _fetch(context: StageContext, demanded: SpecifierSet) -> Interpreter:
    """Have uv fetch a Python into the host's cache."""
    kept = _kept(context)
    context.isolation.make_directory(context.cache_dir)
    context.isolation.make_directory(kept)
    context.isolation.give_to_builder(kept)
    variables = _search(context) | {"UV_PYTHON_DOWNLOADS": "automatic", "UV_HTTP_RETRIES": "1"}
    run_uv(
        context, "python", "install", "--quiet", "--no-bin", str(demanded), cwd=context.work_dir,
        purpose=f"fetching Python {demanded}", variables=variables,
    )  # fmt: skip
    fitting = [found for found in available_interpreters(context) if _meets(found, demanded)]
    if not fitting:
        raise PlatformFault(f"Python {demanded} was fetched and is not found")
    return fitting[0]


def _missing(why: str, available: tuple[Interpreter, ...], nearest: Interpreter, failure: Exception) -> str:
    return (
        f"{why}. On this machine: {_listed(available)}; fetching another failed: {_first_line(failure)}\n"
        f'To try: "environment": {{"python": "{nearest.minor}"}} or "environment": {{"relax": true}}'
    )


def _listed(interpreters: Iterable[Interpreter]) -> str:
    return ", ".join(f"Python {interpreter.version}" for interpreter in interpreters)


def _first_line(failure: Exception) -> str:
    return str(failure).removesuffix(".").splitlines()[0]
