"""Connects to a HiveServer2 and proves who asks: SASL over the binary transport, with TLS where it is asked for.

The connection's fields mean what they mean to the apache-hive provider's HiveServer2Hook. Nothing here knows of
sessions or queries, and no error holds a password.
"""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from puresasl.client import SASLClient, SASLError
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportException
from thrift_sasl import TSaslClientTransport

from verbatim.errors import PlatformFault, UserFault
from verbatim_runner.sources.data.hive.protocol import MESSAGE_BYTES

if TYPE_CHECKING:
    from verbatim.stage import DatabaseLogin

DEFAULT_PORT = 10000
CONNECT_TIMEOUT_S = 30.0
KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 6}
"""A server that is gone without a word is noticed after a minute and a half; one that works may take its time."""
ANSWER_TIMEOUT_S = 6 * 3600.0
"""The most of it: a server that hangs, though its machine answers, does not hold a stage for ever."""
BLOCK_BYTES = 4 << 20
MECHANISMS = {"NONE": "PLAIN", "LDAP": "PLAIN", "CUSTOM": "PLAIN", "PLAIN": "PLAIN", "KERBEROS": "GSSAPI"}
_LATER = "'NONE', 'LDAP', 'CUSTOM', 'KERBEROS' or 'NOSASL'"


class ConnectionLost(PlatformFault):
    """The server is gone, or ended the connection: a new one may do better."""


@dataclass(frozen=True)
class Address:
    """Where a server is, and how it wants to be spoken to.

    Attributes:
        mechanism: Of SASL; None: without SASL.
        service: The server's Kerberos service.
        tls: Whether the connection is TLS, checked against the machine's authorities.
    """

    host: str
    port: int
    username: str
    password: str
    mechanism: str | None
    service: str
    tls: bool

    @classmethod
    def of(cls, login: DatabaseLogin, *, field: str) -> Address:
        """Read an Airflow connection.

        Args:
            login: The connection.
            field: The conf field that names it.

        Raises:
            UserFault: It names no host, or asks for what is not to be had.
        """
        if not login.host:
            raise UserFault("the Airflow connection names no host", field=field)
        extra = _extra(login, field=field)
        kind = str(extra.get("auth_mechanism") or extra.get("authMechanism") or "NONE").upper()
        if kind not in MECHANISMS and kind != "NOSASL":
            raise UserFault(f"the connection's auth_mechanism is {kind[:40]!r}; expected {_LATER}", field=field)
        if kind == "KERBEROS":
            _demand_kerberos(field=field)
        return cls(
            host=login.host,
            port=login.port or DEFAULT_PORT,
            username=login.username or "airflow",
            password=(login.password.get_secret_value() if login.password else "")
            or "x",  # SASL PLAIN takes none empty
            mechanism=MECHANISMS.get(kind),
            service=str(extra.get("kerberos_service_name") or "hive"),
            tls=str(extra.get("use_ssl", False)).lower() == "true",
        )


def open_transport(address: Address, *, field: str) -> TSaslClientTransport | TBufferedTransport:
    """Connect, and prove who asks.

    Raises:
        UserFault: The server refuses the login, or its certificate is not trusted.
        ConnectionLost: Nothing answers there, or not in the way that the connection says.
    """
    where = f"the Hive server {address.host}:{address.port}"
    stream = _Socket(address)
    try:
        stream.open()
        if address.mechanism is None:
            transport = TBufferedTransport(stream)
        else:
            transport = TSaslClientTransport(lambda: _Sasl(address), address.mechanism, stream)
            transport.open()
        stream.handle.settimeout(ANSWER_TIMEOUT_S)
    except ssl.SSLCertVerificationError as error:
        stream.close()
        raise UserFault(f"the certificate of {where} is not trusted: {error.verify_message}", field=field) from None
    except TTransportException as error:
        stream.close()
        if "Bad status" in str(error.message):
            raise UserFault(f"{where} refuses the login of the connection", field=field) from None
        hint = "is its auth_mechanism the server's, and use_ssl?"
        raise ConnectionLost(f"{where} ended the connection before the login: {hint}", field=field) from None
    except OSError as error:
        stream.close()
        raise ConnectionLost(f"{where} does not answer: {error.strerror or error}", field=field) from None
    return transport


class _Socket(TSocket):  # type: ignore[misc]
    """A socket that reads whole blocks without a copy for each packet."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.host, address.port)
        self._tls = address.tls

    def open(self) -> None:
        handle = socket.create_connection((self.host, self.port), CONNECT_TIMEOUT_S)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            handle.setsockopt(socket.IPPROTO_TCP, option, value)
        self.handle = handle
        if self._tls:
            self.handle = ssl.create_default_context().wrap_socket(handle, server_hostname=self.host)

    def close(self) -> None:
        """Close, and wake a thread that reads."""
        if self.handle:
            with suppress(OSError):
                self.handle.shutdown(socket.SHUT_RDWR)
        super().close()

    def readAll(self, size: int) -> bytearray:  # noqa: N802  (Thrift's name)
        """Return exactly so many bytes; memory grows only with what came."""
        if size > MESSAGE_BYTES:
            raise TTransportException(TTransportException.SIZE_LIMIT, f"a message of {size} bytes")
        data = bytearray()
        while len(data) < size:
            block = bytearray(min(size - len(data), BLOCK_BYTES))
            view, filled = memoryview(block), 0
            while filled < len(block):
                count = self.handle.recv_into(view[filled:])
                if not count:
                    raise TTransportException(TTransportException.END_OF_FILE, "the server ended the connection")
                filled += count
            view.release()
            data += block
        return data


class _Sasl(SASLClient):  # type: ignore[misc]
    """pure-sasl as thrift_sasl asks for it: as Cyrus' library, which tells of errors by its results."""

    def __init__(self, address: Address) -> None:
        given = {"service": address.service}
        if address.mechanism == "PLAIN":
            given = {"username": address.username, "password": address.password}
        super().__init__(address.host, **given)
        self._error: str | None = None

    def start(self, mechanism: str) -> tuple[bool, str, bytes | None]:
        self.choose_mechanism([mechanism])
        worked, answer = self.step()
        return worked, mechanism, answer

    def step(self, challenge: bytes | None = None) -> tuple[bool, bytes | None]:
        try:
            return True, self.process(challenge)
        except SASLError as error:
            self._error = str(error)
            return False, None

    def encode(self, outgoing: bytes) -> tuple[bool, bytes]:
        return True, self.wrap(outgoing)

    def decode(self, incoming: bytes) -> tuple[bool, bytes]:
        return True, self.unwrap(incoming)

    def getError(self) -> str | None:  # noqa: N802  (Cyrus' name)
        return self._error


def _extra(login: DatabaseLogin, *, field: str) -> dict[str, Any]:
    text = login.extra.get_secret_value() if login.extra else "{}"
    try:
        extra = json.loads(text or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise UserFault("the Airflow connection's extra field is not a JSON object", field=field)
    return extra


def _demand_kerberos(*, field: str) -> None:
    try:
        import kerberos  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        raise UserFault(
            "the connection's auth_mechanism is KERBEROS, for which the runner lacks the Python package 'kerberos' and "
            "the system's Kerberos libraries; add them to the runner image, or use LDAP",
            field=field,
        ) from None
