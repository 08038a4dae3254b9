"""The bytes of HiveServer2's row sets: as Thrift's own writer makes them, and as nobody should."""

from __future__ import annotations

import math
import random
import struct
from itertools import pairwise
from typing import Any

import pytest
from row_sets import KINDS, column, message, reading, reply, written
from TCLIService import ttypes as hive
from TCLIService.TCLIService import FetchResults_args
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from verbatim.errors import PlatformFault
from verbatim_runner.sources.data.hive.protocol import MESSAGE_BYTES
from verbatim_runner.sources.data.hive.wire import (
    MAX_ROWS,
    FetchResponse,
    RawColumn,
    read_fetch_response,
    write_fetch_request,
)

PIECE_BYTES = 4 << 20
WORDS = ["", "a", "è", "\0", "\0\0\0\0", "\0\0\0\5", "x" * 255, "y" * 256, "日本", "z" * 70_000, "🜚"]
LIMITS = {
    "bool": [True, False],
    "int8": [-128, 127, 0],
    "int16": [-(2**15), 2**15 - 1, 1],
    "int32": [-(2**31), 2**31 - 1, 1],
    "int64": [-(2**63), 2**63 - 1, 1],
    "double": [0.1, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308],
    "string": WORDS,
    "binary": [word.encode("utf-16") for word in WORDS],
}


def read(data: bytes) -> FetchResponse:
    return read_fetch_response(reading(data))


def values_of(raw: RawColumn) -> list[Any]:
    """Return a column's values one by one, null or not."""
    nulls = int.from_bytes(raw.nulls, "little")
    if raw.offsets is None:
        found = raw.values.tolist()
    else:
        data, bounds = raw.values.tobytes(), raw.offsets.tolist()
        found = [data[start:end] for start, end in pairwise(bounds)]
    return [None if nulls >> place & 1 else value for place, value in enumerate(found)]


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 63, 64, 65, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_what_thrift_writes_is_read_value_by_value(kind: str, rows: int):
    draw = random.Random(f"{kind} {rows}")
    values = [draw.choice([None, *LIMITS[kind]]) for _ in range(rows)]

    response = read(reply(column(kind, values)))

    expected = [value.encode() if isinstance(value, str) else value for value in values]
    assert response.rows == rows
    assert response.columns[0].kind == kind
    assert values_of(response.columns[0]) == expected


def test_a_row_of_nothing_but_nulls_is_read():
    response = read(reply(column("int32", [None] * 16), column("string", [None] * 16)))

    assert [values_of(raw) for raw in response.columns] == [[None] * 16] * 2


def test_a_not_a_number_stays_one():
    assert math.isnan(values_of(read(reply(column("double", [math.nan]))).columns[0])[0])


def test_null_bits_beyond_the_rows_do_not_matter():
    wider = hive.TColumn(i32Val=hive.TI32Column([1, 0], b"\x02\x00\x00"))

    assert values_of(read(reply(wider)).columns[0]) == [1, None]


def test_every_column_of_a_reply_is_read_and_nothing_after_it():
    first = reply(column("string", ["a", None]), column("int64", [1, 2]), more=False, start=40)
    second = reply(column("string", []), column("int64", []))
    transport = reading(first + second)

    one, other = read_fetch_response(transport), read_fetch_response(transport)

    assert (one.seq_id, one.status_code, one.has_more_rows, one.start_row, one.rows) == (7, 0, False, 40, 2)
    assert (other.has_more_rows, other.rows) == (True, 0)
    assert not transport(1)


def test_a_failure_of_the_server_is_given_as_it_words_it():
    status = hive.TStatus(3, ["*org.apache:1", "at"], "42S02", 10001, "Table not found: é")

    response = read(message(hive.TFetchResultsResp(status)))

    assert (response.status_code, response.sql_state, response.error_message) == (3, "42S02", "Table not found: é")
    assert response.rows == 0


def test_a_call_that_the_server_does_not_know_is_told():
    refusal = TApplicationException(TApplicationException.UNKNOWN_METHOD, "Invalid method name: 'FetchResults'")

    with pytest.raises(PlatformFault, match="refused to give rows: Invalid method name"):
        read(written(refusal, kind=TMessageType.EXCEPTION))


def test_fields_that_are_not_known_are_passed_over():
    known = reply(column("int32", [5]))
    unknown = b"".join(
        [
            b"\x0d\x00\x63" + b"\x0b\x0f" + struct.pack(">i", 1),  # a map of one text to a list of one struct
            struct.pack(">i", 2) + b"ab" + b"\x0c" + struct.pack(">i", 1) + b"\x02\x00\x01\x01\x00",
            b"\x04\x00\x64" + bytes(8),
        ]
    )
    head = known.index(b"\x0c\x00\x00") + 3  # behind the head of the result's struct

    response = read(known[:head] + unknown + known[head:])

    assert values_of(response.columns[0]) == [5]


def test_a_request_is_what_thrift_reads():
    handle = hive.TOperationHandle(hive.THandleIdentifier(b"g" * 16, b"s" * 16), 0, hasResultSet=True)

    protocol = TBinaryProtocol(TMemoryBuffer(write_fetch_request(handle, 50_000, 9)))

    assert protocol.readMessageBegin() == ("FetchResults", TMessageType.CALL, 9)
    arguments = FetchResults_args()
    arguments.read(protocol)
    assert (arguments.req.operationHandle, arguments.req.maxRows) == (handle, 50_000)
    assert arguments.req.orientation == hive.TFetchOrientation.FETCH_NEXT


def whole_reply() -> bytes:
    """Return a reply with everything in it that a reply can have."""
    columns = [column(kind, [LIMITS[kind][0], None, LIMITS[kind][1]]) for kind in KINDS]
    return reply(*columns, status=hive.TStatus(1, ["said"], "00000", 0, "fine"))


def test_a_reply_that_ends_early_is_an_error_wherever_it_ends():
    data = whole_reply()

    for end in range(len(data)):
        with pytest.raises(PlatformFault):
            read(data[:end])


def test_a_reply_with_any_byte_changed_is_read_or_refused_and_nothing_else():
    data = whole_reply()
    outcomes = set()

    for place in range(len(data)):
        for changed in {0, 1, 0x7F, 0x80, 0xFF, data[place] ^ 1, data[place] ^ 4, data[place] ^ 8} - {data[place]}:
            broken = bytearray(data)
            broken[place] = changed
            try:
                outcomes.add(len(read(bytes(broken)).columns) == len(KINDS))
            except PlatformFault:
                outcomes.add(None)
    assert outcomes >= {True, None}


HUGE = struct.pack(">i", 2**31 - 1)


@pytest.mark.parametrize(
    ("before", "length"),
    [
        pytest.param(b"\x0f\x00\x01\x0a", 0, id="of numbers"),
        pytest.param(b"\x0f\x00\x01\x0b", 0, id="of strings"),
        pytest.param(b"\x0f\x00\x03\x0c", 0, id="of columns"),
        pytest.param(b"\x0f\x00\x01\x0b", 4, id="of one string"),
        pytest.param(b"\x0b\x00\x02", 0, id="of null bits"),
    ],
)
@pytest.mark.parametrize("claimed", [HUGE, b"\xff\xff\xff\xff"], ids=["huge", "negative"])
def test_a_length_that_is_not_true_costs_no_memory(before: bytes, length: int, claimed: bytes):
    data = reply(column("int64", [1]), column("string", ["text"]))
    at = data.index(before) + len(before) + length
    data = data[:at] + claimed + data[at + 4 :]
    asked = []
    transport = reading(data)

    def read_exact(size: int) -> memoryview:
        asked.append(size)
        return transport(size)

    with pytest.raises(PlatformFault):
        read_fetch_response(read_exact)
    assert max(asked) <= PIECE_BYTES


def test_an_answer_beyond_all_bounds_is_given_up_with_what_would_do():
    data = reply(column("binary", [b""]))
    at = data.index(b"\x0f\x00\x01\x0b") + 8

    with pytest.raises(PlatformFault, match="beyond 256 MB: ask for fewer rows"):
        read(data[:at] + struct.pack(">i", MESSAGE_BYTES))


def test_more_rows_than_can_be_asked_for_are_refused_before_they_are_read():
    data = reply(column("string", [""]))
    at = data.index(b"\x0f\x00\x01\x0b") + 4

    with pytest.raises(PlatformFault, match="claims 4194305 rows"):
        read(data[:at] + struct.pack(">i", MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x00\x00\x00\x0cFetchResults\x02", "no message of the strict binary protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no message of the strict binary protocol"),
        (message(hive.TFetchResultsResp(hive.TStatus(0)), name="OpenSession"), "message 'OpenSession' of type 2"),
        (message(hive.TFetchResultsResp(hive.TStatus(0)), kind=TMessageType.CALL), "of type 1"),
        (message(hive.TFetchResultsResp(hive.TStatus(0))), "holds no result"),
        (message(hive.TFetchResultsResp()), "holds no status"),
        (reply(column("int32", [1]), column("int32", [1, 2])), r"different lengths: \[1, 2\]"),
        (reply(hive.TColumn()), "column 1 is empty"),
        (reply(hive.TColumn(i32Val=hive.TI32Column([1]))), "column 1 lacks"),
    ],
)
def test_what_is_no_reply_is_refused(data: bytes, why: str):
    with pytest.raises(PlatformFault, match=why):
        read(data)


def test_results_in_rows_are_refused_with_what_would_do():
    row = hive.TRow([hive.TColumnValue(i32Val=hive.TI32Value(1))])
    result = hive.TFetchResultsResp(hive.TStatus(0), hasMoreRows=False, results=hive.TRowSet(0, [row]))

    with pytest.raises(PlatformFault, match="protocol version 6 or later"):
        read(message(result))


def test_serialised_results_are_refused_with_what_would_do():
    rows = hive.TRowSet(0, [], binaryColumns=b"\x01\x02", columnCount=1)

    with pytest.raises(PlatformFault, match=r"serialize.in.tasks=false"):
        read(message(hive.TFetchResultsResp(hive.TStatus(0), hasMoreRows=False, results=rows)))
