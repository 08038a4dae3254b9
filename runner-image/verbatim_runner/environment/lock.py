"""Locks an environment: every package at one version with the hashes of its files, as a requirements file.

The same declaration, moment and interpreter give the same bytes.
"""

from __future__ import annotations

import hashlib
import platform
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from verbatim.documents import FileRef
from verbatim.errors import NotFound, UserFault
from verbatim.store import layout
from verbatim_runner.environment.uv import WHEELS_ONLY, interpreter, run_uv, run_uv_apart

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.environment.declared import Declaration
    from verbatim_runner.stage_context import StageContext

_PACKAGE = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(\[[^]]*\])?\s*(==|@)")
_PLAIN_LINE = re.compile(
    r"(#.*|(-i|--index-url|--extra-index-url|-f|--find-links)[\s=]+https?://\S+|--hash[\s=]\S+"
    r"|[A-Za-z0-9][\w.-]*\s*(\[[\w\s,.-]*\])?\s*(\(?[<>=!~][^@#;:/]*)?(;[^@#]*)?(\s#.*)?)?$"
)
_INDEX_LINE = re.compile(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links)[\s=]+\S+://\S+", re.MULTILINE)


def lock_environment(context: StageContext, declaration: Declaration, project: Path, code_digest: str) -> FileRef:
    """Lock what a project declares.

    With a dated ``environment.as_of``, the lock of the same code is taken from the store; "now" is resolved anew.

    Args:
        context: The stage's.
        declaration: What the project declares.
        project: The project's directory; a build may write there.
        code_digest: The code blob's.

    Returns:
        The lock, a blob.

    Raises:
        UserFault: There is no solution; with the resolver's reason.
    """
    as_of = context.request.spec.environment.as_of
    if not declaration.files and not declaration.requirements:
        return context.store.put_bytes(b"", "requirements.lock")
    if isinstance(as_of, str):  # "commit" is not resolved as such yet
        return _resolve(context, declaration, project)
    subject = [code_digest, context.request.spec.code.subdirectory, str(declaration), as_of.isoformat(),
               platform.python_version(), platform.machine(), str(context.request.spec.resources.gpus > 0)]  # fmt: skip
    index = layout.index("locks", hashlib.sha256("\n".join(subject).encode()).hexdigest())
    try:
        return context.store.read(index, FileRef)
    except NotFound:
        lock = _resolve(context, declaration, project)
        context.store.overwrite(index, lock.canonical())
        return lock


def packages_in(lock: str) -> list[str]:
    """Return the names of a lock's packages, in its order."""
    return [match["name"] for line in lock.splitlines() if (match := _PACKAGE.match(line))]


def has_all_hashes(lock: str) -> bool:
    """Return whether every package of a lock has a hash; one from a version control URL has a commit instead."""
    return all("--hash=" in block for block in _blocks(lock) if _PACKAGE.match(block))


def names_packages_alone(requirements: str) -> bool:
    """Return whether every line of a requirements file names a package or an index, and none a directory or URL.

    An editable one is built even where uv is told to build nothing, and other files may name some.
    """
    return all(_PLAIN_LINE.match(line.strip().removesuffix("\\").strip()) for line in requirements.splitlines())


def _resolve(context: StageContext, declaration: Declaration, project: Path) -> FileRef:
    as_of = context.request.spec.environment.as_of
    dated = () if isinstance(as_of, str) else ("--exclude-newer", as_of.isoformat())
    listed = context.work_dir / "requirements.in"
    listed.write_text("".join(f"{line}\n" for line in declaration.requirements))
    files = declaration.files or (str(listed),)
    index_lines = _index_lines(declaration, project)  # before a build can touch them
    command = (
        "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header", "--no-strip-extras",
        "--python", interpreter(), *dated, *files,
    )  # fmt: skip
    resolved = _run_resolver(context, declaration, project, command)
    text = index_lines + _without_project(context, resolved)
    if context.request.spec.resources.gpus == 0:
        text = _without_cuda(context, text)
    return context.store.put_bytes(text.encode(), "requirements.lock")


def _run_resolver(context: StageContext, declaration: Declaration, project: Path, command: tuple[str, ...]) -> str:
    """Resolve to packages that have wheels, which runs no code; where that cannot be, apart from the host's cache."""
    purpose = f"resolving {declaration.declared_by}"
    if all(map(names_packages_alone, (*_requirements_files(declaration, project), *declaration.requirements))):
        with suppress(UserFault):
            return run_uv(context, *command, *WHEELS_ONLY, cwd=project, purpose=purpose)
    context.isolation.give_to_trainer(project)
    return run_uv_apart(context, *command, cwd=project, purpose=purpose)


def _requirements_files(declaration: Declaration, project: Path) -> list[str]:
    return [(project / name).read_text(errors="replace") for name in declaration.files if name.endswith(".txt")]


def _index_lines(declaration: Declaration, project: Path) -> str:
    """Return the package indexes that a requirements file names: the lock is installed from them as well."""
    texts = _requirements_files(declaration, project)
    return "".join(f"{match[0].strip()}\n" for text in texts for match in _INDEX_LINE.finditer(text))


def _without_project(context: StageContext, lock: str) -> str:
    """Leave out directories, such as the project itself (``-e .``); their dependencies stay.

    A directory has no hash: what is in it changes while the lock, by which environments are found again, does not.
    """
    blocks = [block for block in _blocks(lock) if block.strip()]
    kept = [block for block in blocks if _PACKAGE.match(block) and " @ file:" not in block]
    if len(kept) < len(blocks):
        context.console.say(
            "the project itself is not installed; it is imported from its directory, or from src/ in it"
        )
    return "".join(kept)


def _without_cuda(context: StageContext, lock: str) -> str:
    """Leave out CUDA libraries where no GPU is asked for, except beside a torch that is linked with them."""
    names = packages_in(lock)
    if "torch" in names:
        return lock
    left_out = [name for name in names if name.startswith("nvidia-")]
    if left_out:
        context.console.say(f"left out, since the run asks for no GPU: {', '.join(left_out)}")
    return "".join(block for block in _blocks(lock) if not block.startswith("nvidia-"))


def _blocks(lock: str) -> list[str]:
    """Split a lock into its packages, each with its hashes."""
    return re.split(r"(?m)^(?=\S)", lock)
