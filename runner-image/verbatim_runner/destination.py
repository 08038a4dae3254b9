"""Puts a model version where the user wants it: the files first, verified, and ``verbatim.json`` last.

A reader of the destination that waits for ``verbatim.json`` never sees half a model. (Not ``model.json``: many call
their model so.) What is there already is left as it is: the same content is success, another is an error.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

from verbatim.errors import PlatformFault, UserFault, first_line
from verbatim.store import open_object_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verbatim.manifest import ModelVersion
    from verbatim_runner.stage_context import StageContext

FIELD = "model.destination"
DOCUMENT = "verbatim.json"


class Destination:
    """The place of one version.

    Args:
        context: The stage's; it holds the credentials.
        url: ``file:///directory/`` or ``s3://bucket/prefix/``, the version's own.
        connection: The connection that may write an ``s3://`` destination.
    """

    def __init__(self, context: StageContext, url: str, connection: str | None) -> None:
        self._context = context
        self._url = url
        with self._faults():
            self._objects = open_object_store(url, context.credentials(connection) if connection else None)

    def upload(self, version: ModelVersion) -> None:
        """Put a version's files and document there.

        Raises:
            UserFault: It may not be written, or another content is there.
            PlatformFault: It does not answer, or keeps something else than what was sent.
        """
        for number, file in enumerate(version.files, start=1):
            self._context.console.say(f"uploading {file.path} ({number} of {len(version.files)}) to {self._url}")
            local = self._context.work_dir / "upload"
            self._context.store.fetch_blob(file.sha256, local)
            self._put(file.path, local, file.sha256)
        document = version.canonical()
        local = self._context.work_dir / DOCUMENT
        local.write_bytes(document)
        self._put(DOCUMENT, local, hashlib.sha256(document).hexdigest())

    def _put(self, path: str, local: Path, digest: str) -> None:
        """Create an object and read it back."""
        with self._faults():
            there = self._digest(path)
            if there is None:
                obstore.put(self._objects, path, local)
                there = self._digest(path)
                if there != digest:
                    raise PlatformFault(f"{self._url}{path} does not hold what was sent to it")
        if there != digest:
            message = (
                f"{self._url}{path} is there already, with another content, and was left so. Name another destination"
            )
            raise UserFault(message, field=FIELD)

    def _digest(self, path: str) -> str | None:
        hasher = hashlib.sha256()
        try:
            for chunk in obstore.get(self._objects, path).stream():
                hasher.update(chunk)
        except (NotFoundError, FileNotFoundError):
            return None
        return hasher.hexdigest()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise UserFault(f"{self._url} may not be written: {first_line(error)}", field=FIELD) from None
        except (NotFoundError, FileNotFoundError) as error:
            raise UserFault(f"{self._url} is not there: {first_line(error)}", field=FIELD) from None
        except BaseError as error:
            raise PlatformFault(f"{self._url} does not answer as it should: {first_line(error)}") from None
