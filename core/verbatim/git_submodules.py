"""The submodules that a commit names, read from its objects: nothing is checked out, and no command of theirs counts.

A submodule comes over the same kinds of transport as its parent, https or ssh; one on the platform's machine only where
its parent is there, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from verbatim.errors import UserFault
from verbatim.git import without_credentials
from verbatim.git_login import is_ssh_url
from verbatim.paths import SCHEME

AskGit = Callable[..., str]
"""Runs git in a repository that holds the commit; takes git's arguments and returns its output."""


@dataclass(frozen=True)
class Submodule:
    """A repository within another, at one commit.

    Attributes:
        path: Where it lies in its parent.
        commit: Which state of it.
        url: Where it comes from; absolute, a path of this machine as ``file://``. None where its parent does not say.
    """

    path: str
    commit: str
    url: str | None


def submodules_of(ask: AskGit, commit: str, parent_url: str) -> list[Submodule]:
    """Return the submodules of a commit; without those that it says not to update.

    Args:
        ask: Runs git in the repository.
        commit: One that is there.
        parent_url: Where the repository comes from.

    Raises:
        UserFault: A submodule's URL cannot be had from there; it is named.
    """
    links = _links(ask("ls-tree", "-r", "-z", commit))
    declared = _declared(ask, commit) if links else {}
    found = []
    for path, pinned in links.items():
        settings = declared.get(path, {})
        if settings.get("update") != "none":
            url = settings.get("url")
            found.append(Submodule(path, pinned, url and _absolute(url, parent_url, path)))
    return found


def _links(listing: str) -> dict[str, str]:
    links = {}
    for entry in filter(None, listing.split("\0")):
        described, _, path = entry.partition("\t")
        mode, _, digest = described.split(" ")
        if mode == "160000":
            links[path] = digest
    return links


def _declared(ask: AskGit, commit: str) -> dict[str, dict[str, str]]:
    """Return the settings that .gitmodules has for each path; read from the commit, so through no link."""
    try:
        listing = ask(
            "config", f"--blob={commit}:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.(path|url|update)$"
        )
    except UserFault:
        return {}
    named: dict[str, dict[str, str]] = {}
    for entry in filter(None, listing.split("\0")):
        key, _, value = entry.partition("\n")
        name, _, variable = key.removeprefix("submodule.").rpartition(".")
        named.setdefault(name, {})[variable] = value
    return {settings["path"]: settings for settings in named.values() if "path" in settings}


def _absolute(url: str, parent_url: str, path: str) -> str:
    whole = _joined(parent_url, url) if url.startswith(("./", "../")) else url
    if whole.startswith("/"):
        whole = f"{SCHEME}{quote(whole)}"
    scheme = "ssh" if is_ssh_url(whole) else urlsplit(whole).scheme
    own = "ssh" if is_ssh_url(parent_url) else urlsplit(parent_url).scheme
    if scheme not in {"https", "ssh", own}:
        raise UserFault(
            f"the submodule {path!r} is at {without_credentials(whole)!r}, where code from {own}:// may not be",
            field="code.url",
        )
    return whole


def _joined(parent: str, relative: str) -> str:
    """Return a relative URL as git reads it (gitsubmodules(7)): each ``../`` takes one part of the parent's away."""
    base, rest, colon = parent.rstrip("/"), relative, "/"
    while rest.startswith(("./", "../")):
        if rest.startswith("../"):
            cut = max(base.rfind("/"), base.rfind(":") if "://" not in base else -1)
            if cut <= base.find("://") + 2:
                raise UserFault(f"the submodule's URL {relative!r} leads out of {parent}", field="code.url")
            colon = base[cut]
            base = base[:cut]
        rest = rest.partition("/")[2]
    return f"{base}{colon}{rest}"
