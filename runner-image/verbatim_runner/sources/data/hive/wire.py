"""Thrift messages of HiveServer2's FetchResults: writes the request, reads the reply into raw columns.

Reads straight from the transport and makes no Python object per value, as thrift's own reader would. Knows nothing of
types beyond the eight that travel (see ``arrow``), of sessions, or of how the bytes come.

The structures are those of Hive's TCLIService.thrift from protocol version 6 on, where results became columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from verbatim.errors import PlatformFault
from verbatim_runner.sources.data.hive.protocol import INT, LONG, SIZES, MessageReader, WireType, broken

if TYPE_CHECKING:
    import numpy as np
    from TCLIService.ttypes import TOperationHandle

    from verbatim_runner.sources.data.hive.protocol import ReadExact

_VERSION = 0x8001
_REPLY, _EXCEPTION = 2, 3
_SUCCESS = (0, 1)  # SUCCESS_STATUS, SUCCESS_WITH_INFO_STATUS
MAX_ROWS = 1 << 22
"""Of one reply; ask for fewer."""
_MAX_COLUMNS = 100_000


class _Kind(NamedTuple):
    name: str
    element: WireType
    dtype: str


_KINDS = {
    1: _Kind("bool", WireType.BOOL, "u1"),
    2: _Kind("int8", WireType.BYTE, "i1"),
    3: _Kind("int16", WireType.I16, ">i2"),
    4: _Kind("int32", WireType.I32, ">i4"),
    5: _Kind("int64", WireType.I64, ">i8"),
    6: _Kind("double", WireType.DOUBLE, ">f8"),
    7: _Kind("string", WireType.STRING, "u1"),
    8: _Kind("binary", WireType.STRING, "u1"),
}
"""By field id in the union TColumn."""


@dataclass(frozen=True)
class RawColumn:
    """One column as it travelled.

    Attributes:
        kind: ``bool``, ``int8``, ``int16``, ``int32``, ``int64``, ``double``, ``string`` or ``binary``.
        rows: Values, nulls among them.
        values: Native numbers, shape (rows,), 0 where null; of strings all their bytes, one string behind the other.
        offsets: Of strings, where each begins in ``values`` and the last one ends: int32, shape (rows + 1,).
        nulls: Bit i % 8 of byte i // 8 says that row i is null. May be shorter than the rows (the others are not null)
            and may be longer.
    """

    kind: str
    rows: int
    values: np.ndarray
    offsets: np.ndarray | None
    nulls: bytes


@dataclass
class FetchResponse:
    """What FetchResults answered.

    Attributes:
        seq_id: Of the request that this answers.
        status_code: A ``TStatusCode``; the caller judges it.
        error_message: In the server's words.
        sql_state: Of the error.
        has_more_rows: As the server says. Hive says False also when there are more: only a reply of no rows is the end.
        start_row: Where these rows begin in the result, as the server counts.
        columns: All of the same number of rows.
    """

    seq_id: int
    status_code: int = -1
    error_message: str | None = None
    sql_state: str | None = None
    has_more_rows: bool | None = None
    start_row: int = 0
    columns: list[RawColumn] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows came."""
        return self.columns[0].rows if self.columns else 0


def write_fetch_request(operation_handle: TOperationHandle, max_rows: int, seq_id: int) -> bytes:
    """Return the message that asks for the next rows, up to ``MAX_ROWS``.

    The reply bears the same ``seq_id`` (0 to 2**31 - 1).
    """
    from TCLIService import TCLIService
    from TCLIService.ttypes import TFetchOrientation, TFetchResultsReq
    from thrift.protocol.TBinaryProtocol import TBinaryProtocol
    from thrift.Thrift import TMessageType
    from thrift.transport.TTransport import TMemoryBuffer

    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer)
    request = TFetchResultsReq(operation_handle, TFetchOrientation.FETCH_NEXT, max_rows)
    protocol.writeMessageBegin("FetchResults", TMessageType.CALL, seq_id)
    TCLIService.FetchResults_args(request).write(protocol)
    protocol.writeMessageEnd()
    message: bytes = buffer.getvalue()
    return message


def read_fetch_response(read_exact: ReadExact) -> FetchResponse:
    """Read one reply message, and not a byte more.

    Args:
        read_exact: Called with how many bytes of the message come next for certain, at most 4 MB, often only 1 to 4:
            give it a buffer.

    Raises:
        PlatformFault: The bytes are no reply to FetchResults, contradict themselves, are more than
            ``protocol.MESSAGE_BYTES``, or hold results in rows or compressed. The connection is of no use any more.
    """
    reader = MessageReader(read_exact)
    version = reader.integer(INT) & 0xFFFFFFFF
    if version >> 16 != _VERSION:
        raise broken(f"it begins with {version:#010x}, which is no message of the strict binary protocol")
    name = reader.text()
    response = FetchResponse(seq_id=reader.integer(INT))
    kind = version & 0xFF
    if kind == _EXCEPTION:
        raise _refusal(reader)
    if kind != _REPLY or name != "FetchResults":
        raise broken(f"it is message {name[:40]!r} of type {kind} where a reply to FetchResults was expected")
    for number, field_type in reader.fields():
        if (number, field_type) == (0, WireType.STRUCT):
            _read_result(reader, response)
        else:
            reader.skip(field_type)
    if response.status_code < 0:
        raise broken("it holds no status")
    return response


def _read_result(reader: MessageReader, response: FetchResponse) -> None:
    told = False
    for number, field_type in reader.fields():
        match number, field_type:
            case 1, WireType.STRUCT:
                _read_status(reader, response)
            case 2, WireType.BOOL:
                response.has_more_rows = reader.byte() != 0
            case 3, WireType.STRUCT:
                _read_row_set(reader, response)
                told = True
            case _:
                reader.skip(field_type)
    if response.status_code in _SUCCESS and not told:
        raise broken("it says that rows come, and holds no result")


def _read_status(reader: MessageReader, response: FetchResponse) -> None:
    for number, field_type in reader.fields():
        match number, field_type:
            case 1, WireType.I32:
                response.status_code = reader.integer(INT)
            case 3, WireType.STRING:
                response.sql_state = reader.text()
            case 5, WireType.STRING:
                response.error_message = reader.text()
            case _:
                reader.skip(field_type)


def _read_row_set(reader: MessageReader, response: FetchResponse) -> None:
    for number, field_type in reader.fields():
        match number, field_type:
            case 1, WireType.I64:
                response.start_row = reader.integer(LONG)
            case 2, WireType.LIST:
                if reader.list_of(WireType.STRUCT, "rows"):
                    raise PlatformFault(
                        "the Hive server gives results in rows, as servers before Hive 0.13 do; columns are expected "
                        "(protocol version 6 or later). Use a newer server, or take this data over s3"
                    )
            case 3, WireType.LIST:
                count = reader.list_of(WireType.STRUCT, "columns")
                if count > _MAX_COLUMNS:
                    raise broken(f"it claims {count} columns")
                response.columns = [_read_column(reader, place) for place in range(1, count + 1)]
            case 4, WireType.STRING:
                if reader.length():
                    raise PlatformFault(
                        "the Hive server gives results that its tasks serialised or compressed; set "
                        "hive.server2.thrift.resultset.serialize.in.tasks=false for this user or on the server"
                    )
            case _:
                reader.skip(field_type)
    lengths = [column.rows for column in response.columns]
    if len(set(lengths)) > 1:
        raise broken(f"its columns are of different lengths: {str(lengths)[:200]}")


def _read_column(reader: MessageReader, place: int) -> RawColumn:
    """Read a union TColumn: one struct of values and nulls, whose field id says of which type the values are."""
    column = None
    for number, field_type in reader.fields():
        if number not in _KINDS or field_type != WireType.STRUCT or column is not None:
            raise broken(f"its column {place} is of a kind that is not known here (field {number})")
        column = _read_values(reader, _KINDS[number], place)
    if column is None:
        raise broken(f"its column {place} is empty")
    return column


def _read_values(reader: MessageReader, kind: _Kind, place: int) -> RawColumn:
    import numpy as np

    rows, values, offsets, nulls = 0, None, None, None
    for number, field_type in reader.fields():
        match number, field_type:
            case 1, WireType.LIST:
                rows = reader.list_of(kind.element, f"column {place}")
                if rows > MAX_ROWS:
                    raise broken(f"it claims {rows} rows, which is more than {MAX_ROWS}")
                if kind.element == WireType.STRING:
                    values, offsets = reader.strings(rows)
                else:
                    wired = np.frombuffer(reader.block(rows * SIZES[kind.element]), dtype=kind.dtype)
                    values = wired.astype(wired.dtype.newbyteorder("="))
            case 2, WireType.STRING:
                nulls = bytes(reader.block(reader.length()))
            case _:
                reader.skip(field_type)
    if values is None or nulls is None:
        raise broken(f"its column {place} lacks values, or what of them is null")
    return RawColumn(kind.name, rows, values, offsets, nulls)


def _refusal(reader: MessageReader) -> PlatformFault:
    """Return what a TApplicationException says."""
    message = ""
    for number, field_type in reader.fields():
        if (number, field_type) == (1, WireType.STRING):
            message = reader.text()
        else:
            reader.skip(field_type)
    return PlatformFault(f"the Hive server refused to give rows: {message[:500]}")
