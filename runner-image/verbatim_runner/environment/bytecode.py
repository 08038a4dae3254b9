"""Compiles an environment's modules, and takes over what another environment of this host has compiled already.

Compiling is most of the time that an installation takes. Bytecode is taken over only from environments in whose making
no code of packages ran, and for files of the very same content; what packages bring of their own is dropped, since
nothing shows what it was compiled from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim_runner.environment.interpreters import Interpreter
    from verbatim_runner.stage_context import StageContext

_COMPILED = "__pycache__"


def compile_modules(context: StageContext, home: Path, interpreter: Interpreter, others: Iterable[Path]) -> None:
    """Compile the modules of an environment that has just been installed.

    Args:
        context: The stage's.
        home: The environment, the builder's still.
        interpreter: What it is made of.
        others: Environments of the same interpreter that were made of wheels.
    """
    packages = _packages(home)
    nearest = max(others, key=lambda other: len(packages & _packages(other)), default=None)
    with context.isolation.as_root():
        _drop_compiled(home)
        if nearest:
            _take_over(context, home, nearest)
        # Not by uv, which starts the environment's interpreter, and with it whatever a package's .pth file says.
        compiler = [interpreter.path, "-I", "-S", "-m", "compileall", "-qq", "-j", "0", str(home / "lib")]
        subprocess.run(compiler, stdin=subprocess.DEVNULL, check=False, **context.isolation.as_builder())


def _packages(home: Path) -> set[str]:
    """Return the names and versions of what is installed."""
    return {path.name for path in home.glob("lib/python*/site-packages/*.dist-info")}


def _drop_compiled(home: Path) -> None:
    for folder, directories, _ in os.walk(home / "lib"):
        if _COMPILED in directories:
            directories.remove(_COMPILED)
            path = Path(folder, _COMPILED)
            path.unlink() if path.is_symlink() else shutil.rmtree(path)


def _take_over(context: StageContext, home: Path, other: Path) -> None:
    """Copy the bytecode of files that are the same, and give these the times that it was compiled for."""
    top = home.resolve()
    for folder, _, names in os.walk(other / "lib"):
        compiled = Path(folder)
        sources = compiled.parent
        target = top / sources.relative_to(other)
        if compiled.name != _COMPILED or not target.is_dir() or target.resolve() != target:
            continue
        pairs = [(name, f"{name.rsplit('.', 2)[0]}.py") for name in names]
        same = [pair for pair in pairs if _are_same(sources / pair[1], target / pair[1])]
        if same:
            (target / _COMPILED).mkdir()
            context.isolation.give_to_builder(target / _COMPILED)
        for name, source in same:
            shutil.copyfile(compiled / name, target / _COMPILED / name)
            times = (sources / source).stat()
            os.utime(target / source, ns=(times.st_atime_ns, times.st_mtime_ns))


def _are_same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink() or not (one.is_file() and other.is_file()):
        return False
    return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
