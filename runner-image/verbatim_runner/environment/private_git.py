"""Dependencies from private git repositories, ``pkg @ git+https://host/x.git``, on the server that the code is from.

The runner fetches them with the code's login, which neither uv nor a package's build ever sees: they are given a plain
directory. A lock names the repository and the commit, and never the directory.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.git_login import same_server
from verbatim_runner.sources.checkout import fetch_dependency

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim_runner.stage_context import StageContext

_DEPENDENCY = re.compile(
    r"git\+(?P<url>https?://[^\s@#;]+)(?:@(?P<ref>[^\s@#;]+))?(?:#(?:[^\s;]*&)?subdirectory=(?P<part>[^\s&;]+)|#[^\s;]*)?"
)


def with_local_copies(context: StageContext, lines: Iterable[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Fetch what requirements name of the code's own private server, if the code is in git: else no stage has a login.

    Args:
        context: The stage's.
        lines: Requirements.

    Returns:
        The lines with directories in place of these repositories, and what each directory stands for.

    Raises:
        UserFault: The repository is not there, refuses the login or has no such commit.
    """
    copies: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        code = context.request.spec.code
        if code.kind != "git" or code.connection is None or not same_server(match["url"], code.url):
            return match[0]
        target = Path(tempfile.mkdtemp(dir=context.work_dir, prefix="dependency-")) / "source"
        target.parent.chmod(0o711)
        commit = fetch_dependency(context, match["url"], match["ref"], target)
        context.isolation.give_to_trainer(target)
        place = (target / match["part"] if match["part"] else target).as_uri()
        copies[place] = f"git+{match['url']}@{commit}" + (f"#subdirectory={match['part']}" if match["part"] else "")
        return place

    return tuple(_DEPENDENCY.sub(replaced, line) for line in lines), copies


def restored(lock: str, copies: dict[str, str]) -> str:
    """Return a lock that names the repositories again, where it names directories that stand for them."""
    for place, repository in copies.items():
        lock = re.sub(rf"(?m)@ {re.escape(place)}(?=\s|$)", f"@ {repository}", lock)
    return lock
