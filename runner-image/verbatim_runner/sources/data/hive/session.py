"""One session of a HiveServer2: runs statements, tells what their results are made of, and leaves nothing behind.

Rows are not read here (see ``rows``). A call that breaks off leaves a connection of no use: it is closed, and the
server ends the session and what ran in it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TException
from thrift.transport.TTransport import TTransportException

from verbatim.errors import PlatformFault, UserFault
from verbatim_runner.console import PROGRESS_INTERVAL_S
from verbatim_runner.sources.data.hive.refusals import fault_of
from verbatim_runner.sources.data.hive.transport import Address, ConnectionLost, open_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verbatim.stage import DatabaseLogin

PROTOCOL = ttypes.TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V6
"""The oldest that gives results in columns; later ones may compress them."""
FIRST_LOOK_S, LOOK_INTERVAL_S = 0.01, 0.5
SPARK_SETTINGS = (
    "spark.sql.session.timeZone=UTC",
    "spark.sql.thriftServer.incrementalCollect=true",  # the server does not hold the result in memory
    "spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS",
    "spark.sql.debug.maxToStringFields=1000000",  # the types of wide structs are told in full
)
HIVE_SETTINGS = ("hive.local.time.zone=UTC", "hive.resultset.use.unique.column.names=false")
_FAILED = (
    ttypes.TOperationState.ERROR_STATE,
    ttypes.TOperationState.CANCELED_STATE,
    ttypes.TOperationState.CLOSED_STATE,
    ttypes.TOperationState.UKNOWN_STATE,
    ttypes.TOperationState.TIMEDOUT_STATE,
)
_SUCCEEDED = (ttypes.TStatusCode.SUCCESS_STATUS, ttypes.TStatusCode.SUCCESS_WITH_INFO_STATUS)


class HiveSession:
    """A context manager: the session is open in its block.

    Args:
        login: The connection.
        name: What is read, in words, for messages.
        channel: Whose conf fields errors name.
        say: Told every while that the server still works.

    Attributes:
        name: As given.
        field: The conf field of the query.
        say: As given.
        is_spark: Whether the server is Spark's.
    """

    def __init__(self, login: DatabaseLogin, name: str, *, channel: str, say: Callable[[str], None]) -> None:
        self.name = name
        self.field = f"data.{channel}.hive.query"
        self._connection_field = f"data.{channel}.hive.connection"
        self._login = login
        self._address = Address.of(login, field=self._connection_field)
        self.say = say
        self._secrets = [
            secret.get_secret_value() for secret in (login.password,) if secret and secret.get_secret_value()
        ]
        self._handle: Any = None
        self.is_spark = False

    def __enter__(self) -> Self:
        self.transport = open_transport(self._address, field=self._connection_field)
        self._client = TCLIService.Client(TBinaryProtocol(self.transport, strictRead=True))
        try:
            self._open()
        except BaseException:
            self.abandon()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with suppress(PlatformFault):  # all that was wanted is there
                self._call("CloseSession", ttypes.TCloseSessionReq(self._handle))
        self.abandon()

    def abandon(self) -> None:
        """Close the connection as it is; the server ends the session, and what runs in it."""
        with suppress(OSError, TException):
            self.transport.close()

    @contextmanager
    def run(self, statement: str, doing: str = "the query") -> Iterator[Any]:
        """Run a statement to its end; gives its operation's handle, for the block.

        Args:
            statement: What the server is sent.
            doing: What that is, for the progress: "the query still runs".

        Raises:
            UserFault: The server refuses it: no such table, no right, not its SQL.
            PlatformFault: The server fails at it.
        """
        request = ttypes.TExecuteStatementReq(self._handle, statement, runAsync=True)
        operation = self._call("ExecuteStatement", request).operationHandle
        try:
            self._await(operation, doing)
            yield operation
        except ConnectionLost:
            raise
        except BaseException:
            with suppress(PlatformFault, UserFault):
                self._call("CancelOperation", ttypes.TCancelOperationReq(operation))
            raise
        self._call("CloseOperation", ttypes.TCloseOperationReq(operation))

    def columns(self, operation: Any) -> list[tuple[str, Any]]:
        """Return name and ``TTypeDesc`` of each column of a result."""
        answer = self._call("GetResultSetMetadata", ttypes.TGetResultSetMetadataReq(operation))
        return [(column.columnName, column.typeDesc) for column in answer.schema.columns]

    def fault(self, message: str | None, sql_state: str | None) -> UserFault | PlatformFault:
        """Return the error that a server's status stands for."""
        return fault_of(message, sql_state, self.name, self._secrets, field=self.field)

    def _open(self) -> None:
        request = ttypes.TOpenSessionReq(PROTOCOL, username=self._address.username, password=self._address.password)
        answer = self._call("OpenSession", request)
        self._handle = answer.sessionHandle
        if answer.serverProtocolVersion < PROTOCOL:
            raise PlatformFault("the Hive server is older than Hive 0.13, and gives no results in columns")
        asked = self._call("GetInfo", ttypes.TGetInfoReq(self._handle, ttypes.TGetInfoType.CLI_DBMS_NAME))
        self.is_spark = "spark" in str(asked.infoValue.stringValue).lower()
        for setting in SPARK_SETTINGS if self.is_spark else HIVE_SETTINGS:
            self._set(setting)
        if self._login.database:
            with self.run("USE `" + self._login.database.replace("`", "``") + "`"):
                pass

    def _set(self, setting: str) -> None:
        try:
            with self.run(f"SET {setting}"):
                pass
        except ConnectionLost:
            raise
        except (UserFault, PlatformFault):
            if (
                self.is_spark
            ):  # a Hive that does not know one, or does not let it be changed, has done without it before
                raise

    def _await(self, operation: Any, doing: str) -> None:
        """Wait until a statement has run, and say every while that it still does."""
        started = said = time.monotonic()
        pause = FIRST_LOOK_S
        while True:
            answer = self._call("GetOperationStatus", ttypes.TGetOperationStatusReq(operation, getProgressUpdate=True))
            if answer.operationState == ttypes.TOperationState.FINISHED_STATE:
                return
            if answer.operationState in _FAILED:
                raise self.fault(answer.errorMessage, answer.sqlState)
            time.sleep(pause)
            pause = min(2 * pause, LOOK_INTERVAL_S)
            now = time.monotonic()
            if now - said >= PROGRESS_INTERVAL_S:
                said = now
                self.say(f"{doing} runs on the server for {now - started:.0f} s{_share(answer)}")

    def _call(self, name: str, request: Any) -> Any:
        """Call the server.

        Raises:
            UserFault: The server refuses.
            PlatformFault: The server fails.
            ConnectionLost: It did not answer; the connection is closed.
        """
        try:
            answer = getattr(self._client, name)(request)
        except (TException, OSError, EOFError, AttributeError) as error:
            self.abandon()
            raise self.lost(error) from None
        except BaseException:
            self.abandon()  # it may be in the middle of an answer
            raise
        if answer.status.statusCode not in _SUCCEEDED:
            raise self.fault(answer.status.errorMessage, answer.status.sqlState)
        return answer

    def lost(self, error: Exception) -> ConnectionLost:
        """Return the error for a connection that broke."""
        reason = error.message if isinstance(error, TTransportException) else error
        return ConnectionLost(f"{self.name}: the connection to the Hive server was lost ({str(reason)[:200]})")


def _share(answer: Any) -> str:
    progress = answer.progressUpdateResponse
    return f", {progress.progressedPercentage:.0%} done" if progress and progress.progressedPercentage > 0 else ""
