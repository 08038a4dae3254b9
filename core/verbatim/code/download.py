"""Downloading one object, an archive or a script, from a web server or S3, bounded in size and time.

A login is sent to the server that the conf names alone, never to where that redirects. Plain http is for this machine
itself.
"""

from __future__ import annotations

import base64
import http.client
import logging
import ssl
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from verbatim.errors import PlatformFault, UserFault, first_line
from verbatim.git import without_credentials
from verbatim.git_login import LOOPBACK, demand_protected
from verbatim.store import open_object_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from verbatim.code.pinning import Pinning
    from verbatim.stage import Login

log = logging.getLogger(__name__)

MAX_ARCHIVE_BYTES = 2 * 1024**3
MAX_FILE_BYTES = 64 * 1024**2
ANSWER_S = 60
TOTAL_S = 1800
_CHUNK_BYTES = 1024 * 1024
_SAID_EVERY_BYTES = 100 * 1024**2


def download(pinning: Pinning, target: Path, max_bytes: int) -> datetime | None:
    """Download what the conf's code names.

    Args:
        pinning: The conf's code and its connection.
        target: The file to write.
        max_bytes: How large it may be.

    Returns:
        When the server says that it was changed.

    Raises:
        RequestError: The connection is not allowed, or missing.
        UserFault: It is not there, may not be read, or is too large.
        PlatformFault: The server does not work as it should.
    """
    if pinning.code.url.startswith("s3://"):
        return _from_s3(pinning, target, max_bytes)
    return _from_web(pinning.code.url, pinning.login(), target, max_bytes)


def _from_s3(pinning: Pinning, target: Path, max_bytes: int) -> datetime | None:
    url, parts = pinning.code.url, urlsplit(pinning.code.url)
    bucket = open_object_store(f"s3://{parts.netloc}", pinning.s3_credentials())
    try:
        found = obstore.get(bucket, unquote(parts.path).lstrip("/"))
        _write((bytes(chunk) for chunk in found.stream(min_chunk_size=_CHUNK_BYTES)), target, max_bytes, url)
        return found.meta["last_modified"]
    except (NotFoundError, FileNotFoundError):
        raise UserFault(f"{url} is not there", field="code.url") from None
    except (PermissionDeniedError, UnauthenticatedError):
        message = f"{url} may not be read with the connection {pinning.code.connection!r}"
        raise UserFault(message, field="code.connection") from None
    except BaseError as error:
        raise PlatformFault(f"{url} could not be read: {first_line(error)}") from None


def _from_web(url: str, login: Login | None, target: Path, max_bytes: int) -> datetime | None:
    _demand_safe(url)
    if login:
        demand_protected(url)
    shown = without_credentials(url)
    opener = urllib.request.build_opener(_Redirects())
    try:
        with closing(opener.open(_asked(url, login), timeout=ANSWER_S)) as answer:
            # What came so far, however little: a slow server must not hold up the look at the clock.
            _write(iter(lambda: answer.read1(_CHUNK_BYTES), b""), target, max_bytes, shown)
            if answer.length:
                raise PlatformFault(f"{shown} broke off: {answer.length} bytes of it did not arrive")
            return _changed(answer.headers.get("Last-Modified"))
    except urllib.error.HTTPError as error:
        error.close()
        raise _refusal(shown, error.code, login) from None
    except (urllib.error.URLError, http.client.InvalidURL, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error
        raise UserFault(f"{shown} cannot be reached: {reason}", field="code.url") from None
    except (http.client.HTTPException, OSError) as error:
        raise PlatformFault(f"{shown} broke off: {type(error).__name__}: {error}") from None


def _asked(url: str, login: Login | None) -> urllib.request.Request:
    request = urllib.request.Request(url, headers={"User-Agent": "verbatim"})  # noqa: S310 - see _demand_safe
    if login and login.password:
        secret = login.password.get_secret_value()
        words = f"Basic {_basic(login.username, secret)}" if login.username else f"Bearer {secret}"
        request.add_unredirected_header("Authorization", words)
    return request


def _basic(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where the conf itself might have pointed, and never down to plain http."""

    def redirect_request(  # noqa: PLR0917 - as its base has it
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _demand_safe(newurl)
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise UserFault(f"{without_credentials(req.full_url)} redirects to plain http", field="code.url")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _demand_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise UserFault(f"{without_credentials(url)}: code is downloaded over https:// alone", field="code.url")


def _write(chunks: Iterable[bytes], target: Path, max_bytes: int, shown: str) -> None:
    size, said, deadline = 0, 0, time.monotonic() + TOTAL_S
    with target.open("wb") as out:
        for chunk in _before(deadline, chunks, shown):
            size += len(chunk)
            if size > max_bytes:
                raise UserFault(f"{shown} is larger than {max_bytes // 1024**2} MiB", field="code.url")
            out.write(chunk)
            if size - said >= _SAID_EVERY_BYTES:
                said = size
                log.info("%s: %d MiB so far", shown, size // 1024**2)


def _before(deadline: float, chunks: Iterable[bytes], shown: str) -> Iterator[bytes]:
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise PlatformFault(f"{shown} did not arrive within {TOTAL_S} s")
        yield chunk


def _refusal(shown: str, status: int, login: Login | None) -> UserFault | PlatformFault:
    if status in {401, 403}:
        hint = "the connection's login is refused" if login else "a code.connection with a login is needed"
        return UserFault(f"{shown} may not be read ({status}): {hint}", field="code.connection")
    if status == 429 or status >= 500:
        return PlatformFault(f"{shown} does not work as it should: the server answers {status}")
    return UserFault(f"{shown} is not there: the server answers {status}", field="code.url")


def _changed(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC) if header else None
    except (ValueError, OverflowError):
        return None
