"""Columns of HiveServer2 as Arrow: every type, exactly, or an error that names the column."""

from __future__ import annotations

import random
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from row_sets import column, reading, reply
from TCLIService import ttypes as hive

from verbatim.errors import PlatformFault, UserFault
from verbatim_runner.sources.data.hive.arrow import batch_of, schema_of
from verbatim_runner.sources.data.hive.wire import read_fetch_response, write_fetch_request

if TYPE_CHECKING:
    from hive_server import HiveServer

FIELD = "data.train.hive"
NOON = datetime(2020, 1, 2, 12, 0, 0, 120_000)  # noqa: DTZ001  (wall clock, as Hive means it)
TYPES = [
    ("boolean", "bool", pa.bool_(), {True: True, False: False}),
    ("tinyint", "int8", pa.int8(), {-128: -128}),
    ("smallint", "int16", pa.int16(), {-32768: -32768}),
    ("int", "int32", pa.int32(), {2**31 - 1: 2**31 - 1}),
    ("bigint", "int64", pa.int64(), {-(2**63): -(2**63)}),
    (
        "float",
        "double",
        pa.float32(),
        {0.5: 0.5, float("inf"): float("inf"), 3.4028234663852886e38: 3.4028234663852886e38},
    ),
    ("double", "double", pa.float64(), {0.1: 0.1, float("-inf"): float("-inf")}),
    (
        "decimal(10,2)",
        "string",
        pa.decimal128(10, 2),
        {"1.5": Decimal("1.50"), "-12345678.90": Decimal("-12345678.90")},
    ),
    ("decimal(38,18)", "string", pa.decimal128(38, 18), {"0E-18": Decimal(0), "1E-18": Decimal("1E-18")}),
    ("decimal(38,0)", "string", pa.decimal128(38, 0), {"9" * 38: Decimal("9" * 38)}),
    ("decimal", "string", pa.decimal128(10, 0), {"7": Decimal(7)}),
    ("string", "string", pa.string(), {"": "", "è\0": "è\0", "日本": "日本"}),
    ("string collate UNICODE_CI", "string", pa.string(), {"a": "a"}),
    ("varchar(5)", "string", pa.string(), {"ab": "ab"}),
    ("char(3)", "string", pa.string(), {"a  ": "a  "}),
    ("binary", "binary", pa.binary(), {b"\xff\0": b"\xff\0", b"": b""}),
    ("date", "string", pa.date32(), {"0001-01-01": date(1, 1, 1), "9999-12-31": date(9999, 12, 31)}),
    (
        "timestamp",
        "string",
        pa.timestamp("us"),
        {
            "2020-01-02 12:00:00.12": NOON,
            "2020-01-02 12:00:00.120000000": NOON,
            "2020-01-02 12:00:00": NOON.replace(microsecond=0),
            "2020-01-02 12:00:00.000001": NOON.replace(microsecond=1),
            "0001-01-01 12:00:00.0": NOON.replace(1, 1, 1, microsecond=0),
        },
    ),
    ("timestamp_ntz", "string", pa.timestamp("us"), {"2020-01-02 12:00:00.12": NOON}),
    (
        "timestamp with local time zone",
        "string",
        pa.timestamp("us", "UTC"),
        {
            "2020-01-02 12:00:00.12 UTC": NOON.replace(tzinfo=UTC),
            "2020-01-02 12:00:00.120000Z": NOON.replace(tzinfo=UTC),
        },
    ),
    ("interval day to second", "string", pa.string(), {"1 02:03:04.500000000": "1 02:03:04.500000000"}),
    ("interval year month", "string", pa.string(), {"1-2": "1-2"}),
    ("void", "string", pa.string(), {}),
    ("uniontype<int,string>", "string", pa.string(), {"{0:1}": "{0:1}"}),
    ("variant", "string", pa.string(), {'{"a":1}': '{"a":1}'}),
    ("struct<>", "string", pa.string(), {"{}": "{}"}),
    ("array<variant>", "string", pa.string(), {"[1]": "[1]"}),
]


def batch(kind: str, values: list[Any], text: str, *, row: int = 0) -> pa.RecordBatch:
    schema, _ = schema_of([("c", text)], field=FIELD)
    response = read_fetch_response(reading(reply(column(kind, values))))
    return batch_of(response, schema, row=row, field=FIELD)


@pytest.mark.parametrize(("text", "kind", "expected", "values"), TYPES, ids=[case[0] for case in TYPES])
def test_a_type_is_read_exactly_with_its_nulls(text: str, kind: str, expected: pa.DataType, values: dict[Any, Any]):
    sent, held = [None, *values, None], [None, *values.values(), None]

    found = batch(kind, sent, text)

    assert found.schema.field("c").type == expected
    assert found["c"].to_pylist() == held
    found.validate(full=True)


@pytest.mark.parametrize("text", [case[0] for case in TYPES])
def test_a_result_of_no_rows_has_its_types(text: str):
    found = batch("string", [], text)

    assert (found.num_rows, found.schema) == (0, schema_of([("c", text)])[0])


SERVED = [
    ("true", "boolean", True),
    ("-128Y", "tinyint", -128),
    ("-32768S", "smallint", -32768),
    ("2147483647", "int", 2147483647),
    ("9223372036854775807L", "bigint", 2**63 - 1),
    ("float(0.5)", "float", 0.5),
    ("0.1D", "double", 0.1),
    ("cast('12345678901234567890.5' as decimal(38,18))", "decimal(38,18)", Decimal("12345678901234567890.5")),
    ("concat('è', chr(0), '日本')", "string", "è\0日本"),
    ("X'00ff'", "binary", b"\0\xff"),
    ("date'0001-01-01'", "date", date(1, 1, 1)),
    ("timestamp'2020-01-02 12:00:00.12'", "timestamp", NOON),
    ("timestamp_ntz'2020-01-02 12:00:00.12'", "timestamp_ntz", NOON),
    ("interval '1-2' year to month", "interval year to month", "1-2"),
    ("interval '1 02:03:04.5' day to second", "interval day to second", "1 02:03:04.500000000"),
    ("cast(null as double)", "double", None),
    ("null", "void", None),
]


@pytest.mark.hive
def test_what_spark_sends_is_what_it_holds(hive_server: HiveServer):
    query = "SELECT " + ", ".join(f"{expression} AS c{place}" for place, (expression, _, _) in enumerate(SERVED))
    described = [(name, text) for name, text, _ in hive_server.execute(f"DESCRIBE QUERY {query}")]
    schema, types = schema_of(described)
    batches = []

    with closing(hive_server.connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute(f"{query} FROM range(9)")
        transport = connection._transport
        for number in range(3):
            transport.write(write_fetch_request(cursor._operationHandle, 5, number))
            transport.flush()
            response = read_fetch_response(transport.readAll)
            assert (response.seq_id, response.status_code) == (number, 0)
            batches.append(batch_of(response, schema))

    assert list(types.values()) == [text for _, text, _ in SERVED]
    assert [found.num_rows for found in batches] == [5, 4, 0]
    assert batches[0].slice(0, 1).to_pylist() == [{f"c{place}": value for place, (_, _, value) in enumerate(SERVED)}]


def test_a_table_of_many_rows_comes_out_as_it_went_in():
    draw = random.Random(7)
    rows = 5_000
    columns = {
        "i": ("int64", "bigint", [draw.choice([None, draw.getrandbits(62)]) for _ in range(rows)]),
        "b": ("bool", "boolean", [draw.choice([None, True, False]) for _ in range(rows)]),
        "d": ("double", "double", [draw.random() for _ in range(rows)]),
        "s": ("string", "string", [draw.choice([None, "", "\0", "è" * draw.randrange(400)]) for _ in range(rows)]),
        "t": ("string", "date", [f"20{draw.randrange(10, 99)}-0{draw.randrange(1, 9)}-28" for _ in range(rows)]),
    }
    schema, types = schema_of([(name, text) for name, (_, text, _) in columns.items()])

    data = reply(*[column(kind, values) for kind, _, values in columns.values()])
    found = batch_of(read_fetch_response(reading(data)), schema)

    assert types == {"i": "bigint", "b": "boolean", "d": "double", "s": "string", "t": "date"}
    assert found["t"].cast(pa.string()).to_pylist() == columns["t"][2]
    assert {name: found[name].to_pylist() for name in "ibds"} == {name: columns[name][2] for name in "ibds"}


@pytest.mark.parametrize(
    ("described", "text", "expected"),
    [
        (hive.TTypeId.DECIMAL_TYPE, "decimal(12,3)", pa.decimal128(12, 3)),
        (hive.TTypeId.VARCHAR_TYPE, "varchar(7)", pa.string()),
        (hive.TTypeId.CHAR_TYPE, "char(7)", pa.string()),
        (hive.TTypeId.TINYINT_TYPE, "tinyint", pa.int8()),
        (hive.TTypeId.TIMESTAMP_TYPE, "timestamp", pa.timestamp("us")),
        (22, "timestamp with local time zone", pa.timestamp("us", "UTC")),
        (hive.TTypeId.INTERVAL_DAY_TIME_TYPE, "interval day time", pa.string()),
        (hive.TTypeId.NULL_TYPE, "null", pa.string()),
        (hive.TTypeId.UNION_TYPE, "uniontype", pa.string()),
        (hive.TTypeId.ARRAY_TYPE, "array", pa.string()),
        (hive.TTypeId.MAP_TYPE, "map", pa.string()),
        (hive.TTypeId.STRUCT_TYPE, "struct", pa.string()),
        (99, "unknown", pa.string()),
    ],
)
def test_a_type_of_the_metadata_is_named_as_in_ddl(described: int, text: str, expected: pa.DataType):
    number = hive.TTypeQualifierValue
    sizes = {
        "precision": number(i32Value=12),
        "scale": number(i32Value=3),
        "characterMaximumLength": number(i32Value=7),
    }
    entry = hive.TPrimitiveTypeEntry(described, hive.TTypeQualifiers(sizes))
    description = hive.TTypeDesc([hive.TTypeEntry(primitiveEntry=entry)])

    schema, types = schema_of([("c", description)])

    assert (schema.field("c").type, types) == (expected, {"c": text})


@pytest.mark.parametrize(
    ("text", "kind", "value", "why"),
    [
        ("decimal(4,2)", "string", "123.45", "'123.45' does not fit the declared precision and scale"),
        ("decimal(4,2)", "string", "1.234", "'1.234' does not fit"),
        ("decimal(4,2)", "string", "", "'' does not fit"),
        ("float", "double", 3.5e38, r"3.5e\+38 is beyond a float"),
        ("date", "string", "2020-02-30", "'2020-02-30' is no date or time"),
        ("timestamp", "string", "now", "'now' is no date or time"),
        ("timestamp", "string", "2020-01-02 12:00:00Z", ".*Z' is no date or time"),
        ("timestamp with local time zone", "string", "2020-01-02 12:00:00.0 Asia/Tokyo", ".*Tokyo' is no date or time"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_the_servers_fault_and_named(text: str, kind: str, value: Any, why: str):
    with pytest.raises(PlatformFault, match=f"column 'c', row 43: {why}"):
        batch(kind, [None, None, value], text, row=40)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2020-01-02 12:00:00.1234567", r"finer than microseconds.*CAST\(`c` AS STRING\)"),
        ("2020-01-02 12:00:00.000000001", r"finer than microseconds.*date_trunc"),
        ("+12345-01-01 00:00:00", r"not of the years 0001 to 9999.*CAST\(`c` AS STRING\)"),
        ("-0044-03-15 00:00:00", "not of the years 0001 to 9999"),
    ],
)
def test_a_moment_that_cannot_be_held_is_named_with_the_cast_that_mends_it(value: str, why: str):
    with pytest.raises(UserFault, match=f"column 'c', row 2: '.*{why}") as raised:
        batch("string", ["2020-01-02 12:00:00", value], "timestamp")
    assert raised.value.field == FIELD


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("int", "int64", 1),
        ("bigint", "int32", 1),
        ("string", "binary", b"a"),
        ("date", "int64", 1),
        ("array<int>", "int8", 1),
    ],
)
def test_a_column_that_travels_as_another_type_is_refused(text: str, kind: str, value: Any):
    with pytest.raises(PlatformFault, match=f"column 'c': it came as {kind} where .* was declared"):
        batch(kind, [value], text)


@pytest.mark.parametrize(
    ("text", "kind", "sent", "held"),
    [
        ("date", "int32", [-719162, 0, 2932896], [date(1, 1, 1), date(1970, 1, 1), date(9999, 12, 31)]),
        ("timestamp", "int64", [1577966400120000], [NOON]),
        ("timestamp", "int64", [-62135596800000000], [datetime(1, 1, 1)]),  # noqa: DTZ001  (wall clock)
    ],
)
def test_a_moment_is_read_as_the_number_that_spark_is_asked_for(text: str, kind: str, sent: list[int], held: list[Any]):
    assert batch(kind, [None, *sent], text)["c"].to_pylist() == [None, *held]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("date", "int32", -719163),
        ("date", "int32", 2932897),
        ("timestamp", "int64", -62135596800000001),
        ("timestamp", "int64", 253402300800000000),
        ("timestamp", "int64", 2**63 - 1),
    ],
)
def test_a_number_of_a_year_that_cannot_be_held_is_named_with_the_cast_that_mends_it(text: str, kind: str, value: int):
    with pytest.raises(UserFault, match=r"column 'c', row 3: .*not of the years 0001 to 9999.*CAST\(`c` AS STRING\)"):
        batch(kind, [0, None, value], text)


def test_text_that_is_not_utf8_is_refused():
    data = reply(column("string", ["ab"])).replace(b"ab", b"a\xff")

    with pytest.raises(PlatformFault, match="column 'c': it holds text that is not UTF-8"):
        batch_of(read_fetch_response(reading(data)), schema_of([("c", "string")])[0])


def test_a_column_too_few_is_refused():
    schema, _ = schema_of([("a", "int"), ("b", "int")])

    with pytest.raises(PlatformFault, match="sent 1 columns where 2 were declared"):
        batch_of(read_fetch_response(reading(reply(column("int32", [1])))), schema)


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(UserFault, match=r"the same name, \['id'\]: name each by `AS`") as raised:
        schema_of([("id", "int"), ("x", "int"), ("id", "string")], field=FIELD)
    assert raised.value.field == FIELD
