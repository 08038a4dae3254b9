"""Builds the virtual environment of a lock, once per host: later runs of the same lock find it.

The record beside an environment is written last, by the runner; an environment without one was not finished, and is
built again. Several stages that need the same one at once build it once.

No run can change what another is given: an environment shares no file with the cache, belongs to root once it is built,
and is built in the shared place only where no code of packages runs; else apart, and copied there. What runs apart is
code of the lock's own packages, which whoever names the same lock trusts as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim_runner.environment.bound import building, hold, keep_within_limit, record_of, size_of
from verbatim_runner.environment.bytecode import compile_modules
from verbatim_runner.environment.cpu_builds import as_installed, install_options
from verbatim_runner.environment.interpreters import Interpreter, find_interpreter
from verbatim_runner.environment.lock_text import has_all_hashes, names_packages_alone, packages_in
from verbatim_runner.environment.private_git import with_local_copies
from verbatim_runner.environment.uv import WHEELS_ONLY, Refused, run_uv, run_uv_apart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verbatim_runner.stage_context import StageContext


_VENV = ("venv", "--quiet", "--allow-existing", "--python")
_MAKING = "making a virtual environment"
_INSTALLING = "installing the locked packages"


@dataclass(frozen=True)
class Environment:
    """A virtual environment that is ready.

    Attributes:
        python: Its interpreter.
        bin_dir: Where its commands are.
        cached: Whether it was there already.
        version: The interpreter's version, such as ``3.11.2``.
        packages: How many packages are in it.
    """

    python: Path
    bin_dir: Path
    cached: bool
    version: str
    packages: int


def ensure_environment(context: StageContext, lock_digest: str, python: str) -> Environment:
    """Return the environment of a lock, built if this host does not have it yet.

    Args:
        context: The stage's.
        lock_digest: The lock, a blob.
        python: The version that it was locked for; this host's may differ from it in the last part only.

    Raises:
        Refused: A package cannot be installed; with the installer's reason.
        PlatformFault: This host has no such Python, the index does not answer, or the disk is full.
    """
    interpreter = find_interpreter(context, python)
    lock = context.store.get_blob(lock_digest).decode()
    home = _home(context, lock_digest, interpreter)
    built = False
    while not hold(context, home):
        with building(context), _only_one(context, home.with_suffix(".lock")):
            if not record_of(home).exists():
                _build_and_record(context, home, lock_digest, lock, interpreter)
                built = True
    if built:
        keep_within_limit(context)
    return _describe(home, lock, interpreter, cached=not built)


def _build_and_record(context: StageContext, home: Path, lock_digest: str, lock: str, interpreter: Interpreter) -> None:
    runs_code = _build(context, home, lock, interpreter)
    made = {"lock_digest": lock_digest, **_made_for(interpreter), "ran_code_of_packages": runs_code}
    with context.isolation.as_root():
        record_of(home).write_text(json.dumps({**made, "bytes": size_of(home)}))


def _home(context: StageContext, lock_digest: str, interpreter: Interpreter) -> Path:
    """Return where an environment lies; its interpreter counts, since it is linked to and not copied."""
    host = f"{platform.machine()} {'-'.join(platform.libc_ver())}"
    subject = f"{lock_digest} {interpreter.version} {host} {interpreter.path}"
    return context.cache_dir / "environments" / hashlib.sha256(subject.encode()).hexdigest()[:24]


def _describe(home: Path, lock: str, interpreter: Interpreter, *, cached: bool) -> Environment:
    return Environment(
        python=home / "bin" / "python",
        bin_dir=home / "bin",
        cached=cached,
        version=interpreter.version,
        packages=len(packages_in(lock)),
    )


def _made_for(interpreter: Interpreter) -> dict[str, str]:
    return {"python": interpreter.version, "interpreter": interpreter.path}


def _made_of_wheels(context: StageContext, interpreter: Interpreter) -> list[Path]:
    """Return this host's finished environments of an interpreter in whose making no code of packages ran."""
    wanted = {**_made_for(interpreter), "ran_code_of_packages": False}
    with context.isolation.as_root():
        records = [(path, json.loads(path.read_text())) for path in (context.cache_dir / "environments").glob("*.json")]
    return [path.with_suffix("") for path, record in records if wanted.items() <= record.items()]


def _build(context: StageContext, home: Path, lock: str, interpreter: Interpreter) -> bool:
    """Build an environment; return whether code of packages ran for it."""
    context.console.say(f"building an environment of {len(packages_in(lock))} packages")
    started = time.monotonic()
    listed = context.work_dir / "requirements.lock"
    lines, _ = with_local_copies(context, as_installed(lock).splitlines())
    listed.write_text("".join(f"{line}\n" for line in lines))
    hashes = ("--require-hashes",) if has_all_hashes(lock) else ()
    sync = (
        "pip", "sync", "--quiet", "--allow-empty-requirements", "--link-mode", "copy", *hashes, *install_options(lock),
        str(listed),
    )  # fmt: skip
    runs_code = not (names_packages_alone(lock) and _build_from_wheels(context, home, sync, interpreter))
    if runs_code:
        context.console.say("not all packages have wheels: building them")
        _build_apart(context, home, sync, interpreter)
    _close_to_pip(context, home)
    context.isolation.give_to_root(home)
    context.console.say(f"the environment was built in {time.monotonic() - started:.1f} s")
    return runs_code


def _build_from_wheels(context: StageContext, home: Path, sync: tuple[str, ...], interpreter: Interpreter) -> bool:
    """Install into the shared place, with the shared cache; return whether every package has a wheel."""
    _make_empty(context, home)
    context.isolation.give_to_builder(home)
    run_uv(context, *_VENV, interpreter.path, str(home), cwd=context.work_dir, purpose=_MAKING)
    python = str(home / "bin" / "python")
    try:
        run_uv(context, *sync, *WHEELS_ONLY, "--python", python, cwd=context.work_dir, purpose=_INSTALLING)
    except Refused:
        return False
    compile_modules(context, home, interpreter, _made_of_wheels(context, interpreter))
    return True


def _build_apart(context: StageContext, home: Path, sync: tuple[str, ...], interpreter: Interpreter) -> None:
    """Install into a directory of the stage's own, and copy the result."""
    built = context.work_dir / "environment"
    with context.isolation.as_root():
        shutil.rmtree(home, ignore_errors=True)
    _make_empty(context, built)
    context.isolation.give_to_trainer(built)
    venv = (*_VENV, interpreter.path, "--relocatable", str(built))
    run_uv_apart(context, *venv, cwd=context.work_dir, purpose=_MAKING)
    python = str(built / "bin" / "python")
    sync = (*sync, "--compile-bytecode", "--python", python)
    run_uv_apart(context, *sync, cwd=context.work_dir, purpose=_INSTALLING)
    with context.isolation.as_root():
        shutil.copytree(built, home, symlinks=True)
        shutil.rmtree(built)


def _close_to_pip(context: StageContext, home: Path) -> None:
    """Let pip, where training calls it, find what is installed and install nothing: other runs share the environment.

    An environment that training makes itself has its own configuration.
    """
    with context.isolation.as_root():
        (home / "pip.conf").unlink(missing_ok=True)  # a package may have left one, or a link
        with (home / "pip.conf").open("x") as configuration:
            configuration.write("[install]\nno-index = true\n")


def _make_empty(context: StageContext, directory: Path) -> None:
    with context.isolation.as_root():
        shutil.rmtree(directory, ignore_errors=True)
    context.isolation.make_directory(directory)


@contextmanager
def _only_one(context: StageContext, path: Path) -> Iterator[None]:
    """Hold a lock that all stages on this host see; whoever waits says so."""
    context.isolation.make_directory(path.parent)
    with context.isolation.as_root():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            context.console.say("another stage is building the same environment; waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
