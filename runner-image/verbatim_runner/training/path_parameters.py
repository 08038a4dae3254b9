"""Parameters that are files (``path`` in an MLproject): made absolute, and fetched where one is a URI.

What is fetched needs no credential; data that does is a channel's. A local path is only spelled out here, and opened by
the training itself.
"""

from __future__ import annotations

import http.client
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from verbatim.errors import PlatformFault, UserFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbatim.fields import Parameter
    from verbatim_runner.console import Console

TIMEOUT_S = 60.0
"""For a server to answer, and between two pieces of what it sends."""

CHUNK_BYTES = 1024 * 1024


def resolve_paths(
    parameters: dict[str, Parameter], names: Iterable[str], *, project: Path, target: Path, console: Console
) -> dict[str, Parameter]:
    """Return the parameters with every file as an absolute path.

    Args:
        parameters: With placeholders filled in.
        names: Those that are files.
        project: What relative paths are seen from.
        target: Where fetched files go, each into a directory of its parameter's name.
        console: Says what is fetched.

    Raises:
        UserFault: A file is not there, or of a kind that is not fetched.
        PlatformFault: A server does not answer.
    """
    resolved = dict(parameters)
    for name in names:
        uri = str(parameters[name])
        if urlsplit(uri).scheme in {"http", "https"}:
            console.say(f"fetching the parameter {name} from {_shown(uri)}")
            resolved[name] = str(_fetch(uri, target / name, f"parameters.{name}"))
        else:
            resolved[name] = str(_local(uri, project, f"parameters.{name}"))
    return resolved


def _local(uri: str, project: Path, field: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme not in {"", "file"} or (parts.scheme and parts.netloc):
        raise UserFault(
            f"expected a path or an http, https or file URI; got {_shown(uri)}. "
            f'Data elsewhere is a channel\'s: "data": {{"x": ...}} and "{{files.x}}" here',
            field=field,
        )
    path = Path(os.path.abspath(project / (unquote(parts.path) if parts.scheme else uri)))  # noqa: PTH100 - links stay
    if not path.exists():
        raise UserFault(f"expected a file or directory that is there; got {uri}", field=field)
    return path


def _fetch(uri: str, directory: Path, field: str) -> Path:
    directory.mkdir(parents=True)
    file = directory / (PurePosixPath(unquote(urlsplit(uri).path)).name or "file")
    shown = _shown(uri)
    try:
        with urllib.request.urlopen(uri, timeout=TIMEOUT_S) as answer, file.open("wb") as out:  # noqa: S310 - see above
            shutil.copyfileobj(answer, out, CHUNK_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        fault = PlatformFault if error.code == 429 or error.code >= 500 else UserFault
        raise fault(f"{shown} cannot be fetched: the server answers {error.code}", field=field) from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise PlatformFault(f"{shown} cannot be fetched: {reason}", field=field) from None
    return file


def _shown(uri: str) -> str:
    """Return a URI without what may be secret in it: a user, a password, a signature."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
