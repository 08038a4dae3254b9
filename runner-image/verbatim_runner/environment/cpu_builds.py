"""Leaves CUDA out of environments of runs that ask for no GPU.

PyPI's torch for Linux is linked with CUDA and brings it along by the gigabyte; builds without it have the local version
``+cpu``. They are taken from the directories of packages of this machine, else from PyTorch's own index.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from verbatim_runner.environment.lock_text import packages_in, versions_in, without_packages
from verbatim_runner.environment.resolver import resolve
from verbatim_runner.environment.uv import Refused, wheel_directories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

    from verbatim_runner.environment.interpreters import Interpreter
    from verbatim_runner.environment.resolver import Wish
    from verbatim_runner.stage_context import StageContext

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
FROM_CPU_INDEX = ("--torch-backend", "cpu")
_FAMILY = frozenset({"torch", "torchvision", "torchaudio"})
_CPU = "+cpu"
_CUDA = ("nvidia-", "triton==", "cuda-")
_PROBE_TIMEOUT_S = 3.0
_SIZE = "about 3 GB to download and 6 GB on the disk"


def without_cuda(context: StageContext, wish: Wish, lock: str) -> str:
    """Return a lock with no CUDA in it where no GPU is asked for and that can be had.

    Args:
        context: The stage's.
        wish: What was resolved.
        lock: What came of it.
    """
    versions = versions_in(lock)
    if context.request.spec.resources.gpus:
        return lock
    if "torch" not in versions:
        return _without_libraries(context, lock)
    lock = _resolve_otherwise(context, wish, lock)
    versions = versions_in(lock)
    if versions["torch"].endswith(_CPU):
        return without_packages(lock, _CUDA)
    if any(name.startswith(_CUDA[0]) for name in packages_in(lock)):
        context.warn(
            f"torch {versions['torch']} is PyPI's, which brings CUDA along ({_SIZE}) although the run asks for no GPU: "
            f"no build for the CPU is in a directory of packages of this machine, nor can one be had from {CPU_INDEX}"
        )
    return lock


def _resolve_otherwise(context: StageContext, wish: Wish, lock: str) -> str:
    for candidate in _candidates(wish, versions_in(lock)):
        with suppress(Refused):
            found = resolve(context, candidate)
            if _is_for_cpu(versions_in(found)):
                return found
    return lock


def install_options(lock: str) -> tuple[str, ...]:
    """Return the options that a lock is installed with, so that each of torch's family is of the kind it names."""
    wanted = {(name, version) for name, version in versions_in(lock).items() if version.endswith(_CPU)}
    here = {(canonicalize_name(name), str(version)) for name, version, _ in _wheels()}
    return FROM_CPU_INDEX if {name for name, _ in wanted - here} & _FAMILY else ()


def as_installed(lock: str) -> str:
    """Return a lock in which ``torch==2.1`` does not mean ``2.1+cpu`` of this machine's too."""
    return re.sub(r"(?m)^(torch\w*)==(?=[^\s+]+(\s|$))", r"\1===", lock)


def without_builds_for_cpu() -> tuple[str, ...]:
    """Return constraints that keep this machine's builds for the CPU out: ``torch==2.1`` would take ``2.1+cpu``."""
    return tuple(sorted({f"{name}!={version}" for name, version, _ in _wheels() if version.local == "cpu"}))


def _is_for_cpu(versions: dict[str, str]) -> bool:
    """Return whether torch and all that is compiled against it are builds for the CPU; mixed ones fail at import."""
    return all(version.endswith(_CPU) for name, version in versions.items() if name in _FAMILY)


def _candidates(wish: Wish, versions: dict[str, str]) -> Iterator[Wish]:
    """Yield what to resolve instead: with a build of this machine, the newest first, else with PyTorch's index."""
    here = _builds(wish.interpreter)
    open_to_all = replace(
        wish, constraints=tuple(line for line in wish.constraints if line not in without_builds_for_cpu())
    )
    if _FAMILY & versions.keys() <= {name for name, _ in here}:
        for torch in sorted((version for name, version in here if name == "torch"), reverse=True):
            if wish.until is None or torch.public == versions["torch"]:
                yield replace(open_to_all, constraints=(*open_to_all.constraints, f"torch=={torch}"))
    if _index_answers():
        yield replace(open_to_all, options=(*wish.options, *FROM_CPU_INDEX))


def _builds(interpreter: Interpreter) -> set[tuple[str, Version]]:
    tag = f"cp{interpreter.minor.replace('.', '')}"
    return {(name, version) for name, version, tags in _wheels() if version.local == "cpu" and tag in tags}


def _wheels() -> Iterator[tuple[str, Version, set[str]]]:
    for directory in wheel_directories():
        for file in directory.glob("*.whl"):
            with suppress(InvalidWheelFilename):
                name, version, _, tags = parse_wheel_filename(file.name)
                yield name, version, {tag.interpreter for tag in tags}


def _without_libraries(context: StageContext, lock: str) -> str:
    """Leave out CUDA libraries, which xgboost and its like load only where there is a GPU."""
    if left_out := [name for name in packages_in(lock) if name.startswith(_CUDA[0])]:
        context.console.say(f"left out, since the run asks for no GPU: {', '.join(left_out)}")
    return without_packages(lock, _CUDA[:1])


@cache
def _index_answers() -> bool:
    index = urlsplit(CPU_INDEX)
    connection = HTTPSConnection(str(index.hostname), timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("HEAD", f"{index.path}/torch/")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
