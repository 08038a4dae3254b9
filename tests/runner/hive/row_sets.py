"""Replies to FetchResults in the bytes that Thrift's own writer makes of them, for tests of their reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from TCLIService import TCLIService
from TCLIService import ttypes as hive
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KINDS: dict[str, tuple[str, type, Any]] = {
    "bool": ("boolVal", hive.TBoolColumn, False),
    "int8": ("byteVal", hive.TByteColumn, 0),
    "int16": ("i16Val", hive.TI16Column, 0),
    "int32": ("i32Val", hive.TI32Column, 0),
    "int64": ("i64Val", hive.TI64Column, 0),
    "double": ("doubleVal", hive.TDoubleColumn, 0.0),
    "string": ("stringVal", hive.TStringColumn, ""),
    "binary": ("binaryVal", hive.TBinaryColumn, b""),
}
"""Of each kind that travels: its field in the union, its struct, and what stands where a null is."""


def column(kind: str, values: Sequence[Any]) -> hive.TColumn:
    """Return a column as a server makes it; None is null."""
    field, struct, empty = KINDS[kind]
    return hive.TColumn(**{field: struct([empty if value is None else value for value in values], null_bits(values))})


def null_bits(values: Sequence[Any]) -> bytes:
    """Return the bits as Hive does it: none after the last null but to fill its byte."""
    bits = sum(1 << place for place, value in enumerate(values) if value is None)
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def reply(*columns: hive.TColumn, status: hive.TStatus | None = None, more: bool = True, start: int = 0) -> bytes:
    """Return the message of a reply with these columns."""
    rows = hive.TRowSet(startRowOffset=start, rows=[], columns=list(columns))
    return message(hive.TFetchResultsResp(status or hive.TStatus(statusCode=0), more, rows))


def message(
    result: hive.TFetchResultsResp, *, name: str = "FetchResults", kind: int = TMessageType.REPLY, seq_id: int = 7
) -> bytes:
    """Return the message that holds a result."""
    return written(TCLIService.FetchResults_result(success=result), name=name, kind=kind, seq_id=seq_id)


def written(struct: Any, *, name: str = "FetchResults", kind: int = TMessageType.REPLY, seq_id: int = 7) -> bytes:
    """Return the message that holds a struct."""
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer)
    protocol.writeMessageBegin(name, kind, seq_id)
    struct.write(protocol)
    protocol.writeMessageEnd()
    return bytes(buffer.getvalue())


def reading(data: bytes) -> Callable[[int], memoryview]:
    """Return a transport that holds these bytes and no more; it gives fewer where they end."""
    left = memoryview(data)

    def read_exact(size: int) -> memoryview:
        nonlocal left
        taken, left = left[:size], left[size:]
        return taken

    return read_exact
