"""Directories of code as archives: the same files give the same bytes, and what is unpacked stays where it should.

Archives are hostile until they are unpacked: nothing outside the target is written, linked to or counted on.
"""

from __future__ import annotations

import errno
import lzma
import os
import stat
import subprocess
import tarfile
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, Self

from verbatim import git
from verbatim.beneath import open_beneath
from verbatim.errors import UserFault
from verbatim.links import leads_out
from verbatim.paths import exists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_CODE_BYTES = 4 * 1024**3
MAX_CODE_FILES = 200_000
MAX_HEADER_BYTES = 1024 * 1024
CHUNK_BYTES = 1024 * 1024

_ABOUT_NEXT = frozenset((
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
))  # fmt: skip
"""Types of members that say more of the one that follows."""

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


def walk_tree(root: Path) -> list[str]:
    """Return the files and symbolic links of a directory as relative POSIX paths, sorted; git is not asked.

    Raises:
        OSError: A part of the directory cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    found: list[str] = []
    for directory, folders, files in os.walk(root, onerror=refuse):
        here = Path(directory)
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        entries = [*files, *(name for name in folders if (here / name).is_symlink())]
        found += [(here / name).relative_to(root).as_posix() for name in entries if name not in LEFT_OUT]
    return sorted(found, key=os.fsencode)


def _list(root: Path) -> list[str]:
    command = git.command("ls-files", "-z", "-co", "--exclude-standard")
    try:
        listing = subprocess.run(
            command, cwd=root, env=git.environment_inside(), stdin=subprocess.DEVNULL, capture_output=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return walk_tree(root)
    found: set[str] = set()
    for name in filter(None, map(os.fsdecode, listing.split(b"\0"))):
        path = root / name
        if not LEFT_OUT.isdisjoint(PurePosixPath(name).parts) or not _is_there(root, name):
            continue  # what is deleted and not yet committed is listed, too
        if path.is_dir() and not path.is_symlink():  # a repository within: git names it, not its files
            inside = _list(path) if exists(path / ".git") else walk_tree(path)  # or a submodule that is not checked out
            found.update(f"{name.rstrip('/')}/{inner}" for inner in inside)
        else:
            found.add(name)
    return sorted(found, key=os.fsencode) or walk_tree(root)


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
                _check_link(name, member.linkname)
                archive.addfile(member)
            elif stat.S_ISREG(status.st_mode):
                member.size, member.mode = status.st_size, _mode(status.st_mode)
                with _opened(root, name, status) as content:
                    _add(archive, member, content)
            else:
                raise UserFault(f"{name} is neither a file, a directory nor a link; it cannot be part of the code")
    return len(names)


def unpack_tree(archive: Path, target: Path, *, max_bytes: int, max_files: int) -> datetime | None:
    """Unpack a tar archive, plain or compressed, into an empty directory.

    What lies in one of ``LEFT_OUT`` is left out here, too.

    Args:
        archive: The archive; not trusted.
        target: Where to; made if it is not there.
        max_bytes: How much it may unpack to.
        max_files: How many members it may have.

    Returns:
        The newest date of its files; None where they have none.

    Raises:
        UserFault: A member would be outside the target (an absolute path, ``..``, a link that leads out), is a device,
            comes twice, or is one too many; or the archive is damaged. What was unpacked until then stays.
    """
    newest = 0.0
    try:
        with (
            TreeWriter(target, max_bytes=max_bytes, max_files=max_files) as writer,
            tarfile.open(archive, "r:*", tarinfo=_Header) as content,
        ):
            for member in content:
                if not writer.takes(member.name, member.size):
                    continue
                if member.issym():
                    writer.add_link(member.name, member.linkname)
                elif member.isdir():
                    writer.add_directory(member.name)
                else:
                    _unpack(content, member, writer)
                    newest = max(newest, member.mtime)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, RecursionError) as error:
        raise UserFault(f"the archive is damaged: {error}") from None
    except OSError as error:
        raise_if_damaged(error)
        raise
    try:
        return datetime.fromtimestamp(newest, UTC) if newest else None
    except (ValueError, OverflowError, OSError):
        return None


def raise_if_damaged(error: OSError) -> None:
    """Tell what the content of an archive led to (bzip2's, gzip's, a place before its beginning) from other trouble.

    Raises:
        UserFault: The archive is damaged.
    """
    if error.errno in {None, errno.EINVAL}:
        raise UserFault(f"the archive is damaged: {error}") from None


class _Header(tarfile.TarInfo):
    """A header; none that makes ``tarfile``, which reads names and the like whole, hold gigabytes in memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in _ABOUT_NEXT and header.size > MAX_HEADER_BYTES):
            raise UserFault(f"the archive is damaged: a header of {header.size} bytes")
        return header


class TreeWriter:
    """Writes what an archive holds into an empty directory, and nothing outside it.

    Links are made when it is left without an error, after all files, so that nothing is ever written through one.

    Args:
        target: The directory; made if it is not there.
        max_bytes: How much may be written, whatever the archive says of its sizes.
        max_files: How many members there may be.

    Raises:
        UserFault: From every method: the archive is hostile, or holds a path twice.
    """

    def __init__(self, target: Path, *, max_bytes: int, max_files: int) -> None:
        self._target, self._max_bytes, self._max_files = target, max_bytes, max_files
        self._announced = self._written = self._count = 0
        self._links: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._target.mkdir(parents=True, exist_ok=True)
        if any(self._target.iterdir()):
            raise ValueError(f"{self._target} is not empty")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for name, link in self._links.items():
                self._make_link(name, link)

    def takes(self, name: str, size: int) -> bool:
        """Judge a member by its name and the size that it claims; return whether it is code at all."""
        self._count, self._announced = self._count + 1, self._announced + max(size, 0)
        if self._count > self._max_files:
            raise UserFault(f"the archive has more than {self._max_files} members")
        if self._announced > self._max_bytes:
            raise UserFault(f"the archive unpacks to more than {self._max_bytes} bytes")
        _check_path(name)
        return LEFT_OUT.isdisjoint(PurePosixPath(name).parts)

    def add_directory(self, name: str) -> None:
        """Make a directory."""
        with _twice_told():
            (self._target / name).mkdir(parents=True, exist_ok=True)

    def add_file(self, name: str, content: IO[bytes], mode: int) -> None:
        """Write a file; of its mode only the owner's executable bit counts."""
        path = self._target / name
        with _twice_told():
            path.parent.mkdir(parents=True, exist_ok=True)
            out = path.open("xb")
        with out:
            while chunk := content.read(CHUNK_BYTES):
                self._written += len(chunk)
                if self._written > self._max_bytes:
                    raise UserFault(f"the archive unpacks to more than {self._max_bytes} bytes")
                out.write(chunk)
        path.chmod(_mode(mode))

    def add_link(self, name: str, link: str) -> None:
        """Remember a symbolic link."""
        _check_link(name, link)
        if name in self._links:
            raise UserFault(f"the archive is damaged or holds a path twice: {name!r}")
        self._links[name] = link

    def _make_link(self, name: str, link: str) -> None:
        path = self._target / name
        with _twice_told():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.parent.resolve() != (self._target.resolve() / name).parent:
                raise UserFault(f"the link {name!r} lies behind another link")
            path.symlink_to(link)


@contextmanager
def _twice_told() -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise UserFault(f"the archive is damaged or holds a path twice: {error}") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserFault("the archive holds a path that is too long") from None
        raise


def _opened(root: Path, name: str, status: os.stat_result) -> BinaryIO:
    """Open a file as it was seen before; never what replaced it, or a folder above it, by a link meanwhile."""
    content = open_beneath(root, name)
    if content and os.path.samestat(os.fstat(content.fileno()), status):
        return content
    if content:
        content.close()
    raise UserFault(f"{root / name} cannot be read, or was replaced meanwhile")


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, content: BinaryIO) -> None:
    try:
        archive.addfile(member, content)
    except OSError as error:
        if error.errno is None:  # tarfile's own
            raise UserFault(f"{member.name} became shorter while it was read; submit the run again") from None
        raise


def _mode(mode: int) -> int:
    return 0o755 if mode & stat.S_IXUSR else 0o644


def _check_path(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise UserFault(f"the path {name!r} leads out of the archive")


def _check_link(name: str, link: str) -> None:
    if leads_out(name, link):
        raise UserFault(f"the link {name!r} to {link!r} leads out of the code, or cannot be told to stay in it")


def _unpack(content: tarfile.TarFile, member: tarfile.TarInfo, writer: TreeWriter) -> None:
    source = content.extractfile(member) if member.isreg() else None
    if source is None:
        raise UserFault(f"{member.name!r} in the archive is neither a file, a directory nor a symbolic link")
    with source:
        writer.add_file(member.name, source, member.mode)
