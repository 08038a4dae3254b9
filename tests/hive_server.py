"""A real HiveServer2 for tests: Spark's Thrift server out of the pyspark wheel, whose users are checked by LDAP.

It speaks what Hive speaks (SASL PLAIN on the binary transport, protocol V10), so that a password goes over the wire and a
wrong one is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from answering import answering

from verbatim.stage import DatabaseLogin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyhive.hive import Connection

USER, PASSWORD = "ada", "hive-canary p@ss:w/o%25rd"
START_TIMEOUT_S = 120
QUICK_START = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
BIND_REQUEST, PASSWORD_GIVEN = 0x60, 0x80
INVALID_CREDENTIALS = 49


@dataclass(frozen=True)
class HiveServer:
    """A HiveServer2 that listens.

    Attributes:
        process: Of the server, for a test that ends one of its own.
        port: On 127.0.0.1.
        home: A directory that the server can write, with its warehouse; gone with the server.
        log: What the server says.
    """

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    log: Path

    @property
    def login(self) -> DatabaseLogin:
        """How a stage is told to reach it."""
        return DatabaseLogin(
            kind="hiveserver2",
            host="127.0.0.1",
            port=self.port,
            database="default",
            username=USER,
            password=PASSWORD,
            extra=json.dumps({"auth_mechanism": "LDAP"}),
        )

    @property
    def airflow_connection(self) -> str:
        """The same as an Airflow connection in JSON, for ``AIRFLOW_CONN_…``."""
        fields = {"conn_type": "hiveserver2", "host": "127.0.0.1", "port": self.port, "schema": "default"}
        return json.dumps(fields | {"login": USER, "password": PASSWORD, "extra": {"auth_mechanism": "LDAP"}})

    def connect(self) -> Connection:
        """Return a PyHive connection, which the caller closes."""
        from pyhive import hive

        return hive.connect("127.0.0.1", self.port, username=USER, password=PASSWORD, auth="LDAP")

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements, one after the other; return the rows of the last, if it has any."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


@pytest.fixture(scope="session")
def hive_server(unavailable: Callable[..., Any], free_port: Callable[[], int]) -> Iterator[HiveServer]:
    """A HiveServer2 of this session's own; a test makes tables of its own in it."""
    if why := missing():
        unavailable("HiveServer2", *why)
    with running_hive_server(free_port()) as server:
        yield server


def missing() -> tuple[str, str] | None:
    """Return what a server lacks here, and how to get it."""
    if not shutil.which("java"):
        return "java is not installed", "Install a JRE of Java 17 or newer (Debian: apt install default-jre-headless)"
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        return str(error), "Run `make setup`; it comes from PyPI (pyspark)"
    return None


@contextmanager
def running_hive_server(port: int, *, heap: str = "1g", java_options: str = QUICK_START) -> Iterator[HiveServer]:
    """Run a server that ends with the block, and all that it wrote with it.

    Args:
        port: Where it listens.
        heap: Its largest heap, as Java writes it.
        java_options: Of its virtual machine; as given it starts quickly, and is slower than it could be.
    """
    home = Path(tempfile.mkdtemp(prefix="verbatim-hive-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        directory = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _LdapHandler)
        stack.callback(directory.server_close)
        stack.enter_context(answering(directory))
        # Its LDAP provider makes a HiveConf of its own, which takes no settings of Spark's but system properties.
        java_options += f" -Dhive.server2.authentication.ldap.url=ldap://127.0.0.1:{directory.server_address[1]}"
        server = HiveServer(_start(home, port, heap, java_options), port, home, home / "log")
        stack.callback(_end, server.process)
        _await(server)
        yield server


def _settings(home: Path, port: int) -> dict[str, str]:
    return {
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": f"file:{home}/warehouse",
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": f"{home}/local",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.hadoop.hive.server2.thrift.bind.host": "127.0.0.1",
        "spark.hadoop.hive.server2.thrift.port": str(port),
        "spark.hadoop.hive.server2.authentication": "LDAP",
    }


def _start(home: Path, port: int, heap: str, java_options: str) -> subprocess.Popen[bytes]:
    import pyspark

    spark = Path(pyspark.__file__).parent
    command = [spark / "bin/spark-submit", "--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"]
    command += ["--master", "local[2]", "--driver-memory", heap]
    command += ["--driver-java-options", f"{java_options} -Dderby.system.home={home} -Djava.io.tmpdir={home}"]
    for name, value in _settings(home, port).items():
        command += ["--conf", f"{name}={value}"]
    environment = os.environ | {"SPARK_HOME": str(spark), "SPARK_LOCAL_IP": "127.0.0.1"}
    with (home / "log").open("wb") as log:
        return subprocess.Popen([*command, "spark-internal"], cwd=home, env=environment, stdout=log, stderr=log)


def _await(server: HiveServer) -> None:
    """Wait until a session can be opened.

    Raises:
        RuntimeError: It ended, or cannot be used within ``START_TIMEOUT_S``.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    problem: Exception | None = None
    while server.process.poll() is None and time.monotonic() < deadline:
        if "HiveThriftServer2 started" in server.log.read_text(errors="replace"):
            try:
                server.execute("SELECT 1")
            except Exception as error:  # noqa: BLE001  (PyHive's own, Thrift's and the socket's)
                problem = error
            else:
                return
        time.sleep(0.05)
    raise RuntimeError(f"HiveServer2 does not start ({problem}): {server.log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # nothing that it holds is kept
    process.wait()


class _LdapHandler(socketserver.StreamRequestHandler):
    """Answers one LDAP connection's simple bind (RFC 4511, 4.2): the one user and password are right."""

    def handle(self) -> None:
        message = self._element()
        if message is None:
            return
        (_, number), (operation, request) = _elements(message[1])[:2]
        if operation != BIND_REQUEST:
            return
        _, (_, name), (kind, password) = _elements(request)
        right = kind == PASSWORD_GIVEN and (name, password) == (USER.encode(), PASSWORD.encode())
        result = b"\x0a\x01" + bytes([0 if right else INVALID_CREDENTIALS]) + b"\x04\x00\x04\x00"
        answer = b"\x02" + bytes([len(number)]) + number + b"\x61" + bytes([len(result)]) + result
        self.wfile.write(b"\x30" + bytes([len(answer)]) + answer)
        self.rfile.read()  # until the client leaves

    def _element(self) -> tuple[int, bytes] | None:
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        length = head[1]
        if length & 0x80:
            length = int.from_bytes(self.rfile.read(length & 0x7F), "big")
        return head[0], self.rfile.read(length)


def _elements(content: bytes) -> list[tuple[int, bytes]]:
    """Return the BER elements in the content of one: tag and content of each."""
    found = []
    at = 0
    while at < len(content):
        tag, length = content[at], content[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(content[at : at + size], "big"), at + size
        found.append((tag, content[at : at + length]))
        at += length
    return found
