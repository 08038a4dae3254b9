"""Reading a conf file: JSON, its relative paths made absolute, since workers run in another directory."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from verbatim.errors import NotFound, UserFault

if TYPE_CHECKING:
    from pathlib import Path

_SCP_LIKE = re.compile(r"^[^/]+@[^/:]+:")


def read_conf(file: Path) -> dict[str, Any]:
    """Read a conf.

    Args:
        file: JSON. In it ``code``, the ``uri`` of a ``file`` source and ``model.destination`` may be paths relative to
            the file.

    Returns:
        The conf with absolute paths; whether it is right, ``verbatim.request.parse_request`` tells.

    Raises:
        NotFound: The file is not there.
        UserFault: It is not a JSON object.
    """
    try:
        conf = json.loads(file.read_text())
    except FileNotFoundError:
        raise NotFound(f"the conf {file} is not there") from None
    except json.JSONDecodeError as error:
        raise UserFault(f"{file} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserFault(f"{file} cannot be read: {error}") from None
    if not isinstance(conf, dict):
        raise UserFault(f'{file} holds {type(conf).__name__}; expected a JSON object such as {{"code": "."}}')
    return with_absolute_paths(conf, file.resolve().parent)


def with_absolute_paths(conf: dict[str, Any], base: Path) -> dict[str, Any]:
    """Return a conf whose relative paths are absolute, seen from a directory; wrong types are left as they are."""
    resolved = dict(conf)
    code = conf.get("code")
    if isinstance(code, str):
        resolved["code"] = _code(code, base)
    elif isinstance(code, dict) and isinstance(code.get("url"), str):
        resolved["code"] = code | {"url": _code(code["url"], base)}
    data = conf.get("data")
    if isinstance(data, dict):
        resolved["data"] = {name: _channel(channel, base) for name, channel in data.items()}
    model = conf.get("model")
    if isinstance(model, dict) and isinstance(model.get("destination"), str):
        resolved["model"] = model | {"destination": _uri(model["destination"], base)}
    return resolved


def _code(url: str, base: Path) -> str:
    if not url or "://" in url or _SCP_LIKE.match(url):
        return url
    return os.path.normpath(base / url)


def _channel(channel: Any, base: Path) -> Any:
    source = channel.get("file") if isinstance(channel, dict) else None
    if not isinstance(source, dict) or not isinstance(source.get("uri"), str):
        return channel
    return channel | {"file": source | {"uri": _uri(source["uri"], base)}}


def _uri(text: str, base: Path) -> str:
    """Return a path as a ``file://`` URI, its final slash kept; a URI as it is."""
    if not text or "://" in text:
        return text
    return f"file://{quote(os.path.normpath(base / text))}{'/' if text.endswith('/') else ''}"
