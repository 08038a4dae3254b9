"""Arrays, maps and structs: asked for as JSON, read as what they are, refused where that is not certain."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from row_sets import column, reading, reply

from verbatim.errors import UserFault
from verbatim_runner.sources.data.hive.arrow import batch_of, schema_of
from verbatim_runner.sources.data.hive.nested import selection
from verbatim_runner.sources.data.hive.wire import read_fetch_response

if TYPE_CHECKING:
    from hive_server import HiveServer

FIELD = "data.train.hive"
WIDE = "struct<a:int,b:map<string,decimal(10,2)>,c:array<struct<d:date,e:binary>>>"
WIDE_TYPE = pa.struct(
    [
        ("a", pa.int32()),
        ("b", pa.map_(pa.string(), pa.decimal128(10, 2))),
        ("c", pa.list_(pa.struct([("d", pa.date32()), ("e", pa.binary())]))),
    ]
)
MORNING = datetime(2020, 1, 1, 5, 0, 0, 500_000)  # noqa: DTZ001  (wall clock, as Hive means it)
SERVED = [
    ("array(1, null)", "array<int>", [1, None]),
    ("array()", "array<void>", []),
    ("cast(null as array<int>)", "array<int>", None),
    (
        """array('a"b', '","', 'c\\\\d', '\\n', null, chr(0), 'é', '', 'null', '[1]')""",
        "array<string>",
        ['a"b', '","', "c\\d", "\n", None, "\0", "é", "", "null", "[1]"],
    ),
    ("array(9223372036854775807L)", "array<bigint>", [2**63 - 1]),
    ("array(true, null)", "array<boolean>", [True, None]),
    ("array(cast(0.1 as float))", "array<float>", [0.10000000149011612]),
    ("array(1e300D, -0.1D, double('-Infinity'))", "array<double>", [1e300, -0.1, float("-inf")]),
    ("array(cast('1e-18' as decimal(38,18)))", "array<decimal(38,18)>", [Decimal("1e-18")]),
    ("array(X'41ff00', X'')", "array<binary>", [b"A\xff\0", b""]),
    ("array(date'0001-01-01', date'9999-12-31')", "array<date>", [date(1, 1, 1), date(9999, 12, 31)]),
    ("array(timestamp'2020-01-01 05:00:00.5')", "array<timestamp>", [MORNING]),
    ("array(timestamp_ntz'2020-01-01 05:00:00.5')", "array<timestamp_ntz>", [MORNING]),
    ("array(interval '1-2' year to month)", "array<interval year to month>", ["INTERVAL '1-2' YEAR TO MONTH"]),
    ("array(array(1), null, array())", "array<array<int>>", [[1], None, []]),
    ("map('k', 1.50BD, '', null)", "map<string,decimal(3,2)>", [("k", Decimal("1.50")), ("", None)]),
    ("map(-1, 'a')", "map<int,string>", [(-1, "a")]),
    ("map(true, 1)", "map<boolean,int>", [(True, 1)]),
    ("map(1.5D, 1)", "map<double,int>", [(1.5, 1)]),
    ("map(1.50BD, 1)", "map<decimal(3,2),int>", [(Decimal("1.50"), 1)]),
    ("map(date'1969-12-31', 1)", "map<date,int>", [(date(1969, 12, 31), 1)]),
    ("map(timestamp'2020-01-01 05:00:00.5', 1)", "map<timestamp,int>", [(MORNING, 1)]),
    ("named_struct('a b', 1, 'c', null)", "struct<a b:int,c:void>", {"a b": 1, "c": None}),
    (
        "named_struct('a', 1, 'b', map('k', array(named_struct('c', timestamp'2020-01-01 05:00:00.5'))))",
        "struct<a:int,b:map<string,array<struct<c:timestamp>>>>",
        {"a": 1, "b": [("k", [{"c": MORNING}])]},
    ),
    ("named_struct()", "struct<>", "{}"),
]


def read(values: list[str | None], text: str, *, row: int = 0) -> list[Any]:
    schema, _ = schema_of([("c", text)], field=FIELD)
    response = read_fetch_response(reading(reply(column("string", values))))
    found: list[Any] = batch_of(response, schema, row=row, field=FIELD)["c"].to_pylist()
    return found


@pytest.mark.hive
def test_what_spark_holds_is_what_is_read(hive_server: HiveServer):
    query = "SELECT " + ", ".join(f"{expression} AS c{place}" for place, (expression, _, _) in enumerate(SERVED))
    described = [(name, text) for name, text, _ in hive_server.execute(f"DESCRIBE QUERY {query}")]
    selected = selection(described, field=FIELD)

    [row] = hive_server.execute("SET TIME ZONE 'UTC'", f"SELECT {selected} FROM ({query}) AS q")

    assert [text for _, text in described] == [text for _, text, _ in SERVED]
    found = [read([value], text)[0] for value, (_, text, _) in zip(row, SERVED, strict=True)]
    assert found == [value for _, _, value in SERVED]


def test_a_query_without_nested_columns_is_sent_as_it_is():
    assert selection([("a", "int"), ("b", "struct<>"), ("c", "uniontype<int>")]) is None


def test_only_nested_columns_are_asked_for_as_json():
    asked = selection([("a", "int"), ("b`c", "array<int>")])

    assert asked is not None
    assert asked.startswith("`a`, to_json(`b``c`, map('ignoreNullFields','false',")
    assert asked.endswith(") AS `b``c`")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WIDE, WIDE_TYPE),
        ("array<interval day to second>", pa.list_(pa.string())),
        ("struct<`a:b`:int,`c``d`:varchar(3)>", pa.struct([("a:b", pa.int32()), ("c`d", pa.string())])),
        (
            "map<string, struct<x:int, y:double>>",
            pa.map_(pa.string(), pa.struct([("x", pa.int32()), ("y", pa.float64())])),
        ),
        ("ARRAY<STRING>", pa.list_(pa.string())),
        ("map<int,array<uniontype<int,string>>>", pa.map_(pa.int32(), pa.list_(pa.string()))),
    ],
)
def test_the_name_of_a_type_says_what_is_in_it(text: str, expected: pa.DataType):
    assert schema_of([("c", text)]) == (pa.schema([("c", expected)]), {"c": text})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("struct<a:int,... 24 more fields>", "the server cut the type of column 'c'.*maxToStringFields"),
        ("struct<a:b:int>", "cannot be read as struct<a:b:int>; use `mode: server`"),
        ("struct<a:int,a:int>", "cannot be read"),
        ("array<int", "cannot be read"),
        ("array<int>>", "cannot be read"),
        ("map<int>", "cannot be read"),
        ("map<binary,int>", "cannot be read"),
        ("map<array<int>,int>", "cannot be read"),
        ("array<decimal(99,2)>", "cannot be read"),
        ("array<" * 5000, "cannot be read"),
    ],
)
def test_a_type_that_cannot_be_told_is_refused(text: str, why: str):
    with pytest.raises(UserFault, match=why) as raised:
        schema_of([("c", text)], field=FIELD)
    assert raised.value.field == FIELD


def test_nested_values_are_read_with_their_nulls():
    text = '{"a":1,"b":{"k":1.5,"l":null},"c":[{"d":"2020-01-01","e":"Qf8="},null]}'

    found = read([None, text, '{"a":null,"b":null,"c":[]}', None], WIDE)

    assert found == [
        None,
        {
            "a": 1,
            "b": [("k", Decimal("1.50")), ("l", None)],
            "c": [{"d": date(2020, 1, 1), "e": b"A\xff"}, None],
        },
        {"a": None, "b": None, "c": []},
        None,
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("array<string>", '["a"b"]'),
        ("array<string>", '["a",]'),
        ("array<string>", "[1]"),
        ("array<int>", '{"a":1}'),
        ("array<int>", "[1.5]"),
        ("array<int>", "[true]"),
        ("array<int>", "[2147483648]"),
        ("array<int>", "[1][2]"),
        ("array<int>", ""),
        ("array<double>", "[NaN]"),
        ("array<boolean>", "[1]"),
        ("array<date>", "[2020-01-01]"),
        ("array<date>", '["+12020-01-01"]'),
        ("array<binary>", '["A?"]'),
        ("array<decimal(3,2)>", "[1.234]"),
        ("array<decimal(3,2)>", '["x"]'),
        ("map<int,int>", '{"a":1}'),
        ("map<boolean,int>", '{"True":1}'),
        ("struct<a:int>", "{}"),
        ("struct<a:int>", '{"a":1,"b":2}'),
        ("struct<a:int>", "[1]"),
        ("array<string>", '["\\ud800"]'),
        ("array<int>", "[" * 100_000),
    ],
)
def test_a_nested_value_that_is_not_certain_is_refused_with_the_ways_out(text: str, value: str):
    with pytest.raises(
        UserFault, match=r"column 'c', row 12: .* use `mode: server`, or select to_json\(`c`\)"
    ) as raised:
        read([None, value], text, row=10)
    assert raised.value.field == FIELD
