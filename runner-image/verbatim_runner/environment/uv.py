"""Runs uv, which resolves and installs, in one of two ways.

``run_uv`` works as the builder and with the cache that all runs of the host share; it must run no code but that of uv,
since that could change what others are given. ``run_uv_apart`` works as the trainer and with a cache of its own, gone
after the call: in it a package's or the project's own build may run, so it is given no credential.

Nothing of the runner's environment is handed on but what says how packages are reached.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.errors import PlatformFault, UserFault
from verbatim.git import without_credentials
from verbatim_runner.environment.indexes import index_arguments, write_logins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from verbatim_runner.stage_context import StageContext

TIMEOUT_S = 3600
WHEELS_ONLY = ("--only-binary", ":all:")
"""Builds nothing, except what is editable (see ``lock.names_packages_alone``)."""
_PASSED_ON = re.compile(
    r"^(UV_.*|PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT)|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO"
    r"|(HTTPS?|ALL|NO)_PROXY|LANG|LC_ALL)$",
    re.IGNORECASE,
)
_OWN = {
    "UV_NO_CONFIG": "1",  # the machine's uv settings are no part of a run
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "GIT_TERMINAL_PROMPT": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_PLATFORM_SIGNS = (
    "no space left", "dns error", "connection refused", "timed out", "network is unreachable", "connection reset",
    "error sending request", "status server error", "failed to lookup address",
)  # fmt: skip
_REASON_LINES = 8
_LAST_LINES = 3
_INDEXED = frozenset({"compile", "sync"})


class Refused(UserFault):
    """uv said no: there is no solution, or a package cannot be built.

    Attributes:
        said: All that it wrote, credentials removed; the message has a few lines of it.
    """

    said: str = ""


def run_uv(
    context: StageContext, *arguments: str, cwd: Path, purpose: str, variables: Mapping[str, str] | None = None
) -> str:
    """Run uv with the host's cache and the logins of package indexes, and return what it wrote to standard output.

    Args:
        context: The stage's.
        arguments: Of uv; such that it builds nothing and runs nothing that it has installed.
        cwd: Where; readable by the builder.
        purpose: What is being done, for the error ("resolving requirements.txt").
        variables: Environment variables besides.

    Raises:
        Refused: uv says no, with its reason, credentials removed.
        PlatformFault: The package index does not answer, the disk is full, or uv is not there.
    """
    home = Path(tempfile.mkdtemp(dir=context.work_dir, prefix="builder-"))
    try:
        logins = write_logins(context, home)
        context.isolation.give_to_builder(home)
        environment = _environment(home, cache_dir(context)) | logins | dict(variables or {})
        with context.isolation.as_root():
            return _run(_indexed(context, arguments), cwd, purpose, environment, context.isolation.as_builder())
    finally:
        with context.isolation.as_root():
            shutil.rmtree(home, ignore_errors=True)


def run_uv_apart(context: StageContext, *arguments: str, cwd: Path, purpose: str) -> str:
    """Run uv with an empty cache, so that it may run code of packages and of the project; else as ``run_uv``."""
    home = Path(tempfile.mkdtemp(dir=context.work_dir, prefix="apart-"))
    context.isolation.give_to_trainer(home)
    environment = _environment(home, home / "cache")
    try:
        with context.isolation.as_root():
            return _run(_indexed(context, arguments), cwd, purpose, environment, context.isolation.as_trainer())
    finally:
        context.isolation.end_trainer()
        with context.isolation.as_root():
            shutil.rmtree(home, ignore_errors=True)


def cache_dir(context: StageContext) -> Path:
    """Return uv's cache, which outlives the stage and is the builder's alone; made if it is not there."""
    path = context.cache_dir / "wheels"
    if not path.is_dir():
        context.isolation.make_directory(context.cache_dir)
        context.isolation.make_directory(path)
        with context.isolation.as_root():
            path.chmod(0o700)  # uv's lock files are anyone's to hold
        context.isolation.give_to_builder(path)
    return path


def find_uv() -> str:
    """Return the path of uv: the runner's own, else the machine's.

    Raises:
        PlatformFault: There is none.
    """
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if not found:
        raise PlatformFault("uv, which installs the user's packages, is neither in the runner nor on PATH")
    return found


def wheel_directories() -> tuple[Path, ...]:
    """Return the directories of this machine that have packages beside the index, as its settings name them."""
    named = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS") or ""
    return tuple(path for part in re.split(r"[,\s]+", named) if part and (path := Path(part)).is_dir())


def _indexed(context: StageContext, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Add the conf's package indexes to what reads packages."""
    if not _INDEXED & set(arguments[:2]):
        return arguments
    return (*arguments[:2], *index_arguments(context), *arguments[2:])


def _run(
    arguments: tuple[str, ...], cwd: Path, purpose: str, environment: dict[str, str], identity: dict[str, Any]
) -> str:
    try:
        done = subprocess.run(
            [find_uv(), *arguments], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=TIMEOUT_S, check=False, umask=0o022, **identity,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PlatformFault(f"{purpose} did not end within {TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise _fault(done.stderr.decode(errors="replace"), purpose)
    return str(done.stdout.decode(errors="replace"))


def _environment(home: Path, cache: Path) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "UV_CACHE_DIR": str(cache),
        "UV_CREDENTIALS_DIR": str(home),
        "UV_FIND_LINKS": ",".join(map(str, wheel_directories())),
    }
    return passed | _OWN | own


def _fault(output: str, purpose: str) -> UserFault | PlatformFault:
    said = without_credentials(output)
    message = f"{purpose} failed: {_reason(said)}"
    if any(sign in output.lower() for sign in _PLATFORM_SIGNS):
        return PlatformFault(message)
    refused = Refused(message)
    refused.said = said
    return refused


def _reason(said: str) -> str:
    """Return the few lines that tell why: the error, the end of a build's output, and uv's hints."""
    told, *hints = re.split(r"(?m)^[ \t]*hint: ", said)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    start = next((number for number, line in enumerate(lines) if line.startswith("error:")), 0)
    lines = [line.removeprefix("error: ").removeprefix("cause: ") for line in lines[start:]]
    if len(lines) > _REASON_LINES:
        last = _LAST_LINES if "[stderr]" in lines else 0
        lines = [*lines[: _REASON_LINES - last], *(lines[-last:] if last else [])]
    return (
        "\n".join([*lines, *(f"hint: {hint.splitlines()[0]}" for hint in hints if _helps(hint))])
        or "uv failed without a word"
    )


def _helps(hint: str) -> bool:
    """Return whether a hint of uv's is of use here: a conf has no say in what is built, nor in uv's own files."""
    return not re.search(r"--no-build|pyproject\.toml|build dependency", hint)
