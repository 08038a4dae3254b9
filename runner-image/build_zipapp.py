"""Build the runner as one file: a shiv zipapp with its dependencies, so that they never meet the user's.

Run by ``make zipapp``; needs shiv and uv (``build-requirements.txt``). Does nothing when nothing changed. The
dependencies are installed once per lock, so that a change of our own sources costs two seconds. shiv unpacks a zipapp
at its first start; this script leaves it unpacked already, with bytecode, under ``runner/`` beside it.

The Dockerfile uses the same dependencies, laid out in a directory: ``--dependencies DIR`` makes that and nothing else.
"""

from __future__ import annotations

import argparse
import compileall
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from py_compile import PycInvalidationMode

from uv import find_uv_bin

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
PACKAGES = (HERE.parent / "core" / "verbatim", HERE / "verbatim_runner")

SUPERFLUOUS_DIRECTORIES = {"tests"}
SUPERFLUOUS_SUFFIXES = {".c", ".h", ".hpp", ".mo", ".po", ".pxd", ".pxi", ".pyi", ".pyx"}
SCRIPTS = {"uv"}
"""The only command among the dependencies that the runner starts. Every file left out makes each start faster."""

SOURCE_ONLY = ("pure-sasl", "pyhive")
"""Dependencies of which there are no wheels: plain Python, built here. Of all others nothing is run to install them."""

KEPT_S = 24 * 60 * 60


def main() -> None:
    """Build what the arguments ask for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--output", type=Path, default=HERE.parent / "dist" / "verbatim-runner.pyz", help="the zipapp")
    what.add_argument("--dependencies", type=Path, help="install the dependencies into this new directory instead")
    arguments = parser.parse_args()
    if arguments.dependencies:
        install_dependencies(arguments.dependencies)
        return
    output = arguments.output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    with (output.parent / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build(output, root=output.parent / "runner")


def build(output: Path, *, root: Path) -> None:
    """Make the zipapp and unpack it below ``root``, unless that was done already."""
    build_id = digest_of([Path(__file__), REQUIREMENTS, *source_files()])
    unpacked = root / f"{output.name}_{build_id}"
    if output.exists() and unpacked.exists():
        print(f"{output} is up to date")
        return
    dependencies = output.parent / "dependencies" / digest_of([Path(__file__), REQUIREMENTS])
    if not dependencies.exists():
        install_dependencies(dependencies)
    sources = copy_sources(output.parent / "sources")
    unpack(dependencies, sources, unpacked)
    try:
        pack(dependencies, sources, output=output, root=root, build_id=build_id)
    except BaseException:
        shutil.rmtree(unpacked)  # else the next build would take the old zipapp for this one
        raise
    shutil.rmtree(sources)
    forget_others(root, unpacked)
    forget_others(dependencies.parent, dependencies)
    print(f"{output} is built ({output.stat().st_size / 2**20:.0f} MB)")


def source_files() -> list[Path]:
    """Return the files of our own packages, sorted."""
    return sorted(
        path
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def digest_of(files: list[Path]) -> str:
    """Return a digest of what is built: the files, their names, and the Python that it is built for."""
    hasher = hashlib.sha256(f"{sys.implementation.cache_tag} {sysconfig.get_platform()}\n".encode())
    for path in files:
        hasher.update(f"{path.relative_to(HERE.parent)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return hasher.hexdigest()[:16]


def install_dependencies(target: Path) -> None:
    """Install what the lock names into a new directory, with hashes, pruned and compiled."""
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(part)]
    install += ["--require-hashes", "--only-binary=:all:", *(f"--no-binary={name}" for name in SOURCE_ONLY)]
    install += ["--requirements", str(REQUIREMENTS)]
    subprocess.run(install, check=True)
    (part / ".lock").unlink(missing_ok=True)
    prune(part)
    compile_bytecode(part)
    part.rename(target)


def prune(directory: Path) -> None:
    """Remove what no run reads: tests, headers, translations (but English, which Django asks for), other commands."""
    for path in sorted(directory.rglob("*")):
        if path.is_dir():
            if path.name in SUPERFLUOUS_DIRECTORIES:
                shutil.rmtree(path)
        elif path.suffix in SUPERFLUOUS_SUFFIXES and "en" not in path.parts:
            path.unlink(missing_ok=True)
    for script in (directory / "bin").iterdir():
        if script.name not in SCRIPTS:
            script.unlink()


def copy_sources(target: Path) -> Path:
    """Copy our own packages into an empty directory and return it."""
    shutil.rmtree(target, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(package, target / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def pack(dependencies: Path, sources: Path, *, output: Path, root: Path, build_id: str) -> None:
    """Make the zipapp; uncompressed, since time matters more than space where it is used."""
    part = output.with_suffix(".part")
    shiv = [sys.executable, "-m", "shiv", "--reproducible", "--uncompressed", "--compile-pyc", "--python"]
    shiv += [f"/usr/bin/env -S python{sys.version_info.major}.{sys.version_info.minor} -I", "--entry-point"]
    shiv += ["verbatim_runner.main:main", "--build-id", build_id, "--root", str(root), "--output-file", str(part)]
    for directory in (dependencies, sources):
        shiv += ["--site-packages", str(directory)]
    done = subprocess.run(shiv, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"shiv failed:\n{done.stdout}{done.stderr}")
    part.replace(output)


def unpack(dependencies: Path, sources: Path, target: Path) -> None:
    """Lay the content where shiv would at the first start: links to the dependencies, our sources, bytecode."""
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        shutil.copytree(dependencies, part / "site-packages", copy_function=os.link)
    except (OSError, shutil.Error):
        shutil.copytree(dependencies, part / "site-packages", dirs_exist_ok=True)
    shutil.copytree(sources, part / "site-packages", dirs_exist_ok=True)
    for package in PACKAGES:
        compile_bytecode(part / "site-packages" / package.name)
    part.replace(target)


def compile_bytecode(directory: Path) -> None:
    """Compile a directory's modules; never checked against their sources again, since these never change."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(directory, quiet=2, workers=0, invalidation_mode=mode)


def forget_others(directory: Path, kept: Path) -> None:
    """Remove what earlier builds left in a directory, but not what is so recent that a stage may still run from it."""
    for path in directory.iterdir():
        if path != kept and time.time() - path.stat().st_mtime > KEPT_S:
            shutil.rmtree(path)


if __name__ == "__main__":
    main()
