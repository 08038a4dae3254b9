"""The embedded platform's directory: where each of its files lies, and its secrets, made once and kept."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from pathlib import Path

ADMIN = "admin"


@dataclass(frozen=True)
class Home:
    """Where things lie.

    Attributes:
        root: ``VERBATIM_HOME``, absolute.
        checkout: The checkout of Verbatim that the DAGs and plugins are taken from, absolute.
    """

    root: Path
    checkout: Path

    def make(self) -> None:
        """Make the directory, for its owner alone and unknown to git; do nothing where it is."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    @property
    def airflow(self) -> Path:
        """``AIRFLOW_HOME``."""
        return self.root / "airflow"

    @property
    def database(self) -> Path:
        """Airflow's SQLite file."""
        return self.airflow / "airflow.db"

    @property
    def logs(self) -> Path:
        """The components' own output; task logs are under ``airflow/logs``."""
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        """What the supervisor last said of itself."""
        return self.root / "platform.json"

    @property
    def passwords_file(self) -> Path:
        """Airflow's users and passwords."""
        return self.airflow / "passwords.json"

    def log_of(self, component: str) -> Path:
        """Return the file that a component's output goes to."""
        return self.logs / f"{component}.log"


@dataclass(frozen=True)
class HomeSecrets:
    """What Airflow encrypts and signs with, and the administrator's password."""

    fernet_key: str
    jwt_secret: str
    api_secret: str
    password: str


def keep_secrets(home: Home) -> HomeSecrets:
    """Return the home's secrets; they are made and written (0600) the first time.

    Raises:
        PlatformFault: The file is there but cannot be read.
    """
    file = home.root / "secrets.json"
    if not file.exists():
        made = {
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "jwt_secret": secrets.token_urlsafe(64),
            "api_secret": secrets.token_urlsafe(32),
            "password": secrets.token_urlsafe(12),
        }
        write_private(file, json.dumps(made, indent=2) + "\n")
    try:
        return HomeSecrets(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise PlatformFault(
            f"{file} cannot be read ({error}); put it back, or remove {home.root} to start anew"
        ) from None


def write_private(file: Path, content: str) -> None:
    """Write a file that only its owner may read, so that it is there whole or not at all."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(content)
    part.replace(file)
