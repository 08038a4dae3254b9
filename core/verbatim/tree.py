"""Directories of code as archives: the same files give the same bytes, and what is unpacked stays where it should.

Archives are hostile until they are unpacked: nothing outside the target is written, linked to or counted on.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from verbatim import git
from verbatim.errors import UserFault

if TYPE_CHECKING:
    from collections.abc import Sequence

LEFT_OUT = frozenset({".git", ".venv", ".verbatim", "__pycache__"})
"""Directories that are never code; the platform's own home among them, which holds its secrets."""


def list_tree(root: Path) -> list[str]:
    """Return the files and symbolic links of a code directory as relative POSIX paths, sorted.

    In a git work tree those that git tracks or would track, so without what .gitignore names; elsewhere
    (and where git would track nothing) all. What lies in one of ``LEFT_OUT`` is never among them. Nothing of the
    directory is run (see ``verbatim.git``).

    Raises:
        UserFault: A part of the directory cannot be read.
    """
    try:
        return _list(root)
    except OSError as error:
        raise UserFault(f"{error.filename} cannot be read: {error.strerror}") from None


def _list(root: Path) -> list[str]:
    command = git.command("ls-files", "-z", "-co", "--exclude-standard")
    try:
        listing = subprocess.run(
            command, cwd=root, env=git.environment_inside(), stdin=subprocess.DEVNULL, capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return _walk(root)
    found: set[str] = set()
    for name in filter(None, map(os.fsdecode, listing.split(b"\0"))):
        path = root / name
        if not LEFT_OUT.isdisjoint(PurePosixPath(name).parts) or not _is_there(root, name):
            continue  # what is deleted and not yet committed is listed, too
        if path.is_dir() and not path.is_symlink():  # a repository within: git names it, not its files
            found.update(f"{name.rstrip('/')}/{inner}" for inner in _list(path))
        else:
            found.add(name)
    return sorted(found, key=os.fsencode) or _walk(root)


def _is_there(root: Path, name: str) -> bool:
    """Return whether a file lies at a path itself; an index may also name what lies behind a link, anywhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any((root / parent).is_symlink() for parent in path.parents[:-1]):
        return False
    try:
        (root / name).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def pack_tree(root: Path, files: Sequence[str] | None, out: Path) -> int:
    """Write files into a plain tar archive whose bytes depend on their names, contents and executable bits alone.

    Args:
        root: The directory.
        files: Relative POSIX paths below it; ``list_tree``'s if not given.
        out: The archive to write.

    Returns:
        The number of files and links in it.

    Raises:
        UserFault: A link leads out of the directory, there is something that is neither file nor link, or a file cannot
            be read.
    """
    names = sorted(list_tree(root) if files is None else files, key=os.fsencode)
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in names:
            path = root / name
            member = tarfile.TarInfo(name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, os.readlink(path), 0o777  # noqa: PTH115 - as it is written
                _check_link(member)
                archive.addfile(member)
            elif stat.S_ISREG(status.st_mode):
                member.size, member.mode = status.st_size, _mode(status.st_mode)
                with _opened(path) as content:
                    archive.addfile(member, content)
            else:
                raise UserFault(f"{name} is neither a file, a directory nor a link; it cannot be part of the code")
    return len(names)


def unpack_tree(archive: Path, target: Path, *, max_bytes: int, max_files: int) -> None:
    """Unpack a tar archive, plain or compressed, into an empty directory.

    Args:
        archive: The archive; not trusted.
        target: Where to; made if it is not there.
        max_bytes: How much it may unpack to.
        max_files: How many members it may have.

    Raises:
        UserFault: A member would be outside the target (an absolute path, ``..``, a link that leads out), is a device,
            comes twice, or is one too many; or the archive is damaged. What was unpacked until then stays.
    """
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ValueError(f"{target} is not empty")
    links: list[tarfile.TarInfo] = []
    count = size = 0
    try:
        with tarfile.open(archive, "r:*") as content:
            for member in content:
                count, size = count + 1, size + member.size
                if count > max_files:
                    raise UserFault(f"the archive has more than {max_files} members")
                if size > max_bytes:
                    raise UserFault(f"the archive unpacks to more than {max_bytes} bytes")
                _check_path(member.name)
                if member.issym():
                    _check_link(member)
                    links.append(member)
                else:
                    _unpack(content, member, target)
        for link in links:  # last, so that nothing is ever written through one
            path = target / link.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.parent.resolve() != (target.resolve() / link.name).parent:
                raise UserFault(f"the link {link.name!r} lies behind another link")
            path.symlink_to(link.linkname)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and not isinstance(
            error, FileExistsError | NotADirectoryError | IsADirectoryError
        ):
            raise
        raise UserFault(f"the archive is damaged or holds a path twice: {error}") from None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UserFault(f"{path} cannot be read: {error.strerror}") from None


def _walk(root: Path) -> list[str]:
    def refuse(error: OSError) -> None:
        raise error

    found: list[str] = []
    for directory, folders, files in os.walk(root, onerror=refuse):
        here = Path(directory)
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        entries = [*files, *(name for name in folders if (here / name).is_symlink())]
        found += [(here / name).relative_to(root).as_posix() for name in entries if name not in LEFT_OUT]
    return sorted(found, key=os.fsencode)


def _mode(mode: int) -> int:
    return 0o755 if mode & stat.S_IXUSR else 0o644


def _check_path(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise UserFault(f"the path {name!r} leads out of the archive")


def _check_link(link: tarfile.TarInfo) -> None:
    """Allow ``..`` only at a link's beginning, no deeper than the link lies: so it stays inside whatever it passes."""
    parts = PurePosixPath(link.linkname).parts
    ups = next((place for place, part in enumerate(parts) if part != ".."), len(parts))
    depth = len(PurePosixPath(link.name).parts) - 1
    if PurePosixPath(link.linkname).is_absolute() or ups > depth or ".." in parts[ups:]:
        raise UserFault(
            f"the link {link.name!r} to {link.linkname!r} leads out of the code, or cannot be told to stay in it"
        )


def _unpack(content: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    path = target / member.name
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    source = content.extractfile(member) if member.isreg() else None
    if source is None:
        raise UserFault(f"{member.name!r} in the archive is neither a file, a directory nor a symbolic link")
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("xb") as out:
        shutil.copyfileobj(source, out, 1024 * 1024)
    path.chmod(_mode(member.mode))
