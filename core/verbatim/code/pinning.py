"""What every kind of code is pinned with: the conf's words, the settings, the store, the connection and a voice."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.aws import s3_credentials_of
from verbatim.connections import is_for, login_of
from verbatim.errors import RequestError
from verbatim.permission import is_inside, unknown_connection, unreadable
from verbatim.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verbatim.connections import Connection, ReadConnection
    from verbatim.request import CodeRequest
    from verbatim.settings import PlatformSettings
    from verbatim.stage import EngineName, Login, S3Credentials
    from verbatim.store import Store


@dataclass(frozen=True)
class Pinning:
    """One conf's code, about to be pinned.

    Attributes:
        code: What the conf says of it.
        settings: Which directories and connections it may name.
        store: Where its blob goes.
        engine: Where it will run.
        read_connection: Reads an allowed connection.
        warn: Called with what the user should know although the run goes on.
    """

    code: CodeRequest
    settings: PlatformSettings
    store: Store
    engine: EngineName
    read_connection: ReadConnection
    warn: Callable[[str], None]

    def may_read(self, path: Path) -> bool:
        """Return whether the settings let confs read a path."""
        return is_inside(path, self.settings.files.read)

    def demand_readable(self, path: Path) -> None:
        """Refuse a path that the settings do not allow.

        Raises:
            RequestError: They do not.
        """
        demand(unreadable("code.url", path, self.settings.files.read, "files.read"))

    def login(self) -> Login | None:
        """Return the login of the conf's connection; None where it names none.

        Raises:
            RequestError: The settings do not allow it, or it is for another server.
            PlatformFault: It is not there, or of another kind.
        """
        connection = self._connection()
        if connection is None:
            return None
        if not is_for(connection, self.code.url):
            expected, got = "a connection for the code's server", f"{connection.name!r}, which is for {connection.host}"
            raise RequestError([Problem(field="code.connection", expected=expected, got=got)])
        if not connection.host:
            self.warn(
                f"the connection {connection.name!r} names no host, so its login goes wherever a conf that names it "
                "says; fill in its Host in Airflow"
            )
        return login_of(connection)

    def s3_credentials(self) -> S3Credentials:
        """Return the credentials of the conf's connection, which code in S3 has to have.

        Raises:
            RequestError: The conf names none, or the settings do not allow it.
            PlatformFault: It is not there, or of another kind.
        """
        connection = self._connection()
        if connection is None:
            expected = "an Airflow connection (amazon provider) that may read s3:// code"
            raise RequestError([Problem(field="code.connection", expected=expected, got="none")])
        return s3_credentials_of(connection)

    def demand_no_connection(self) -> None:
        """Refuse a connection where the code is on the platform's machine.

        Raises:
            RequestError: The conf names one.
        """
        if self.code.connection:
            expected = "no connection, since the code is on the platform's machine"
            raise RequestError([Problem(field="code.connection", expected=expected, got=repr(self.code.connection))])

    def demand_no_ref(self, hint: str | None = None) -> None:
        """Refuse a ref where the code is no git repository.

        Raises:
            RequestError: The conf names one.
        """
        if self.code.ref:
            expected = "no ref, since the code is not a git repository's"
            raise RequestError([Problem(field="code.ref", expected=expected, got=repr(self.code.ref), hint=hint)])

    def _connection(self) -> Connection | None:
        name = self.code.connection
        if name is None:
            return None
        demand(unknown_connection("code.connection", name, self.settings.connections.code, "connections.code"))
        return self.read_connection(name)


def demand(problem: Problem | None) -> None:
    """Raise a problem, if there is one.

    Raises:
        RequestError: There is.
    """
    if problem:
        raise RequestError([problem])


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Give a private directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="verbatim-pin-") as scratch:
        yield Path(scratch)
