"""Reads requirements files as pip writes and reads them, into plain lines. Installs and resolves nothing.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.environment.declared.conda_names import conda_requirement
from verbatim_runner.environment.declared.repairs import NAME, repair

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from verbatim_runner.project import Project

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"^(?P<name>--?[a-z][a-z-]*)(?:\s*=\s*|\s+|$)(?P<value>.*)$")
_SHORT_WITH_VALUE = re.compile(r"^(?P<name>-[recif])(?P<value>[^\s-].*)$")
_HASH = re.compile(r"--hash[=\s]\S+")
_NAMES_ITS_PLACE = re.compile(r"[./]|[a-z]+[+:]|[A-Za-z]:")
_CONDA_LIST = re.compile(r"^[\w.-]+=[\w.!+]+=\w+$")
_INCLUDES = frozenset({"-r", "--requirement", "-c", "--constraint"})
_LONG = {"-i": "--index-url", "-f": "--find-links", "--pypi-url": "--index-url"}
_KEPT = frozenset({"--index-url", "--extra-index-url", "--find-links", "--no-binary", "--only-binary"})
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MAX_DEPTH = 20


@dataclass
class Listing:
    """What requirements files say, read through.

    Attributes:
        requirements: Requirements and indexes, as ``Declaration.requirements``.
        constraints: What bounds versions and installs nothing.
        notices: What was changed on the way.
    """

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def read_requirements_file(file: Path, project: Project, *, base: Path | None = None) -> Listing:
    """Read a requirements file and all that it includes.

    Args:
        file: In the project's tree.
        project: The project.
        base: What relative paths of packages are seen from; the file's directory if not given.

    Raises:
        UserFault: It, or a file that it includes, is not there or lies outside the code.
    """
    listing = Listing()
    _Reader(project, base or file.parent, listing).read(file, into=listing.requirements, depth=0)
    return _without_repetition(listing)


def read_requirement_lines(lines: Iterable[str], source: Path, project: Project) -> Listing:
    """Read lines of a requirements file that stand in another file, such as the pip section of a conda environment.

    Raises:
        UserFault: A file that they include is not there or lies outside the code.
    """
    listing = Listing()
    reader = _Reader(project, source.parent, listing)
    reader.read_lines(list(lines), source, into=listing.requirements, depth=0)
    return _without_repetition(listing)


def decode(content: bytes) -> str:
    """Return the text of a file that any editor or shell may have written (PowerShell writes UTF-16)."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return content[len(bom) :].decode(encoding, errors="replace")
    if content[1:2] == b"\0":
        return content.decode("utf-16-le", errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def name_in(requirement: str) -> str | None:
    """Return the name that a requirement line begins with; None for an index, a path or a URL."""
    found = NAME.match(requirement)
    if not found or "://" in requirement.partition("@")[0] or "/" in requirement.partition("@")[0].partition(";")[0]:
        return None
    return found["name"]


def _without_repetition(listing: Listing) -> Listing:
    return Listing(*(list(dict.fromkeys(lines)) for lines in vars(listing).values()))


class _Reader:
    def __init__(self, project: Project, base: Path, listing: Listing) -> None:
        self._project = project
        self._base = base
        self._listing = listing

    def read(self, file: Path, *, into: list[str], depth: int) -> None:
        content = decode(file.read_bytes()).replace("\0", "")
        self.read_lines(re.sub(r"\\\r?\n", " ", content).splitlines(), file, into=into, depth=depth)

    def read_lines(self, lines: list[str], file: Path, *, into: list[str], depth: int) -> None:
        for line in lines:
            text = " ".join(_COMMENT.sub("", line).split())
            option = _SHORT_WITH_VALUE.match(text) or _OPTION.match(text)
            if not text:
                continue
            if not option:
                self._add(text, into)
            elif option["name"] in _INCLUDES:
                is_constraint = option["name"] in {"-c", "--constraint"}
                target = self._listing.constraints if is_constraint else into
                self._include(option["value"].strip(" '\""), file, into=target, depth=depth)
            else:
                self._take_option(option["name"], option["value"].strip(), into)

    def _include(self, name: str, file: Path, *, into: list[str], depth: int) -> None:
        here = self._shown(file)
        if "://" in name:
            raise UserFault(f"{here} includes {name}: expected a file of the code", field="code")
        included = file.parent / name
        if not included.is_file():
            included = self._base / name
        if not included.is_file() or not included.resolve().is_relative_to(self._project.root.resolve()):
            raise UserFault(f"{here} includes {name}: expected a file of the code; there is none", field="code")
        if depth >= _MAX_DEPTH:
            raise UserFault(f"{here} includes {name}: expected files that do not include each other", field="code")
        self.read(included, into=into, depth=depth + 1)

    def _take_option(self, name: str, value: str, into: list[str]) -> None:
        name = _LONG.get(name, name)
        if name in {"-e", "--editable"}:
            self._add(value if _NAMES_ITS_PLACE.match(value) else f"./{value}", into)
        elif name in _KEPT:
            place = self._seen_from_project(value) if name == "--find-links" and "://" not in value else value
            self._listing.requirements.append(f"{name} {place}")
        elif name == "--pre":
            self._listing.notices.append(
                "--pre is not kept: a release before the final one has to be asked for by version"
            )

    def _add(self, text: str, into: list[str]) -> None:
        requirement, options = re.split(r"\s+(?=--)", text, maxsplit=1) if re.search(r"\s--", text) else (text, "")
        if _CONDA_LIST.match(requirement):
            kept, notice = conda_requirement(requirement)
        elif re.match(r"\.{1,2}(/|$|\[)", requirement):
            kept, notice = self._local(requirement), None
        else:
            kept, notice = repair(requirement)
        if notice:
            self._listing.notices.append(notice)
        if kept:
            hashes = _HASH.findall(options) if kept == requirement else []
            into.append(" ".join([kept, *hashes]))

    def _local(self, text: str) -> str:
        """Return a directory as one that is installed from where it lies, so that what it finds beside it is there."""
        path, bracket, rest = text.partition("[")
        place = self._seen_from_project(path.split(";")[0].strip())
        editable = "" if path.endswith((".whl", ".gz", ".zip")) else "-e "
        return f"{editable}{place}{bracket}{rest}"

    def _seen_from_project(self, path: str) -> str:
        place = os.path.relpath(self._base / path, self._project.directory)
        return place if place.startswith(".") else f"./{place}"

    def _shown(self, file: Path) -> str:
        return os.path.relpath(file, self._project.directory)
