"""A real MySQL for tests: MariaDB from Debian, with a user that has a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbatim.stage import DatabaseLogin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

USER, PASSWORD = "verbatim", "mysql-canary-p@ss"
START_TIMEOUT_S = 120


@pytest.fixture(scope="session")
def mysql_server(
    unavailable: Callable[[str, str, str], NoReturn], free_port: Callable[[], int]
) -> Iterator[DatabaseLogin]:
    """A MariaDB of this session's own; gives the login of a database ``lake`` that its user may do anything in."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    programs = ("mariadbd", "mariadb-install-db", "my_print_defaults")
    server, install, defaults = (shutil.which(name, path=search) for name in programs)
    if not server or not install or not defaults:
        how = "Install them (Debian: apt install mariadb-server-core mariadb-client-core)"
        unavailable("MySQL", f"{', '.join(programs)} are not all installed", how)
    port = free_port()
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="verbatim-mysql-"))
        stack.callback(shutil.rmtree, home)
        base = [f"--basedir={Path(server).parents[1]}", f"--datadir={home}/data"]
        user = ["--user=root"] if os.geteuid() == 0 else []
        command = [install, "--no-defaults", *base, *user, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(command, check=True, capture_output=True)
        (home / "users.sql").write_text(
            f"CREATE DATABASE lake;\nCREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON lake.* TO {USER}@'127.0.0.1';\nGRANT CONNECTION ADMIN ON *.* TO {USER}@'127.0.0.1';\n"
        )
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [server, "--no-defaults", *base, *user, f"--port={port}", "--bind-address=127.0.0.1",
                 f"--socket={home}/socket", f"--init-file={home}/users.sql", "--skip-name-resolve",
                 f"--pid-file={home}/pid"],
                stdout=log, stderr=log,
            )  # fmt: skip
        stack.callback(process.wait, 60)
        stack.callback(process.terminate)
        login = DatabaseLogin(
            kind="mysql", host="127.0.0.1", port=port, database="lake", username=USER, password=PASSWORD
        )
        _await_start(process, login, home / "log")
        yield login


def _await_start(process: subprocess.Popen[bytes], login: DatabaseLogin, log: Path) -> None:
    import pymysql

    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            pymysql.connect(
                host=login.host, port=login.port or 0, user=USER, password=PASSWORD, database="lake"
            ).close()
        except pymysql.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"MariaDB does not start: {log.read_text()[-500:]}", pytrace=False)
