"""The SQL source, against a real PostgreSQL, a real MySQL (MariaDB) and SQLite files."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
from sqlalchemy import make_url

from verbatim.channels import SqlSource
from verbatim.errors import PlatformFault
from verbatim.snapshot import DatasetSnapshot
from verbatim.spec import BoundQuery, BoundValue, PinnedChannel
from verbatim.stage import DatabaseLogin, ExtractOutputs, StageResult, StageSecrets
from verbatim_runner.sources.data.sql import mysql as mysql_source
from verbatim_runner.sources.data.sql.source import SqlData
from verbatim_runner.sources.workspace import place_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runner.conftest import Ground

pytestmark = pytest.mark.filterwarnings("error")

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "x'); DROP TABLE events; -- \\ %s :as_of \" ; é"


class Database:
    """A database that a channel reads, and a connection of the test's own to change it."""

    def __init__(self, connection: Any, login: DatabaseLogin, file: str | None) -> None:
        self.connection = connection
        self.login = login
        self.file = file

    def do(self, *statements: str) -> None:
        with closing(self.connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
        self.connection.commit()

    def pinned(self, statement: str, **values: BoundValue) -> PinnedChannel:
        source = SqlSource(connection="db", query="SELECT as it was asked")
        query = BoundQuery(statement=statement, values=values, tables=("events",), time_bound=bool(values))
        return PinnedChannel(source=source, as_of=AS_OF, query=query, database_file=self.file)

    def extract(self, ground: Ground, statement: str, try_number: int = 1, **values: BoundValue) -> StageResult:
        request = ground.request("extract", try_number=try_number)
        spec = request.spec.model_copy(update={"data": {"train": self.pinned(statement, **values)}})
        request = request.model_copy(update={"spec": spec})
        return ground.run(request, StageSecrets(databases={"db": self.login}))

    def source(self, statement: str) -> SqlData:
        pinned = self.pinned(statement)
        assert isinstance(pinned.source, SqlSource)
        assert pinned.query
        return SqlData(pinned.source, pinned.query, self.login, self.file, channel="train")


@pytest.fixture
def postgres(postgresql: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    url = make_url(postgresql)
    login = DatabaseLogin(
        kind="postgres", host=url.host, port=url.port, database=url.database, username=url.username,
        password=url.password, extra='{"sslmode": "prefer", "cursor": "dictcursor"}',
    )  # fmt: skip
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(plain)) as connection:
        database = Database(connection, login, None)
        database.do("DROP TABLE IF EXISTS events", "CREATE TABLE events (id int, at timestamptz, note text)")
        yield database


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Iterator[Database]:
    with closing(sqlite3.connect(tmp_path / "lake.db")) as connection:
        database = Database(connection, DatabaseLogin(kind="sqlite"), str(tmp_path / "lake.db"))
        database.do("CREATE TABLE events (id int, at text, note text)")
        yield database


@pytest.fixture
def mysql(mysql_server: DatabaseLogin) -> Iterator[Database]:
    login = mysql_server
    assert login.password
    with closing(pymysql.connect(
        host=login.host, port=login.port or 0, user=login.username, password=login.password.get_secret_value(),
        database=login.database, charset="utf8mb4", init_command="SET time_zone = '+00:00'",
    )) as connection:  # fmt: skip
        database = Database(connection, login, None)
        database.do("DROP TABLE IF EXISTS events", "CREATE TABLE events (id int, at datetime, note text)")
        yield database


@pytest.fixture(params=["postgres", "mysql", "sqlite_file"])
def database(request: pytest.FixtureRequest) -> Database:
    return request.getfixturevalue(request.param)


class Kept:
    """A sink that keeps the table, and calls something after its first batch."""

    def __init__(self, after_first: Any = lambda: None) -> None:
        self.batches: list[pa.RecordBatch] = []
        self._after_first = after_first

    def take_table(self, schema: pa.Schema, source_types: Any) -> Any:
        from contextlib import nullcontext

        return nullcontext(self._take)

    def _take(self, batch: pa.RecordBatch) -> None:
        self.batches.append(batch)
        if len(self.batches) == 1:
            self._after_first()


def table_of(ground: Ground, result: StageResult) -> pa.Table:
    assert isinstance(result.outputs, ExtractOutputs), result
    target = ground.root / f"placed-{result.try_number}"
    request = ground.request("extract", try_number=result.try_number)
    document = place_snapshot(ground.context(request), result.outputs.snapshots["train"], target)
    return pa.concat_tables(pq.read_table(target / file.path) for file in document.files)


def document_of(ground: Ground, result: StageResult) -> DatasetSnapshot:
    assert isinstance(result.outputs, ExtractOutputs), result
    return DatasetSnapshot.parse(ground.store.get_blob(result.outputs.snapshots["train"].document), source="test")


def test_every_type_of_postgresql_arrives_as_what_it_is(ground: Ground, postgres: Database):
    statement = """
        SELECT 1::int2 AS small, 2 AS plain, 3::int8 AS large, 1.5::real AS single, 0.1::float8 AS double,
            12345678901234567890.123456789::numeric(38, 9) AS exact, sum(x)::numeric AS total, true AS yes, 'é' AS words,
            'ab'::char(4) AS fixed, '\\x00ff'::bytea AS bytes, DATE '2024-02-29' AS day, TIME '10:11:12.5' AS clock,
            TIMESTAMP '2024-01-01 10:00:00.123456' AS local, TIMESTAMPTZ '2024-01-01 10:00:00+02' AS zoned,
            INTERVAL '1 mon 2 days' AS span, '{"b": 1,  "a": [2]}'::json AS document,
            'd0000000-0000-0000-0000-000000000001'::uuid AS id, ARRAY[1, NULL, 3] AS numbers, ARRAY['a', 'b'] AS texts,
            NULL::int AS nothing, '::1'::inet AS address
        FROM (VALUES (0.1::numeric), (0.25)) AS v (x)
    """
    statement = statement.replace(":", r"\:")
    (row,) = table_of(ground, postgres.extract(ground, statement)).to_pylist()
    assert row == {
        "small": 1, "plain": 2, "large": 3, "single": 1.5, "double": 0.1,
        "exact": Decimal("12345678901234567890.123456789"), "total": Decimal("0.35"), "yes": True, "words": "é",
        "fixed": "ab  ", "bytes": b"\x00\xff", "day": date(2024, 2, 29), "clock": time(10, 11, 12, 500000),
        "local": datetime(2024, 1, 1, 10, 0, 0, 123456), "zoned": datetime(2024, 1, 1, 8, tzinfo=UTC),  # noqa: DTZ001
        "span": "1 mon 2 days", "document": '{"b": 1,  "a": [2]}', "id": "d0000000-0000-0000-0000-000000000001",
        "numbers": [1, None, 3], "texts": ["a", "b"], "nothing": None, "address": "::1",
    }  # fmt: skip


def test_a_column_keeps_its_declared_type_where_it_begins_with_nulls_or_has_no_rows(ground: Ground, postgres: Database):
    nulls = "SELECT CASE WHEN i > 30000 THEN i END AS late, i % 7 = 0 AS flag FROM generate_series(1, 40000) AS i"
    table = table_of(ground, postgres.extract(ground, nulls))
    assert table.schema.field("late").type == pa.int32()
    assert (table.num_rows, table["late"].null_count) == (40000, 30000)
    columns = postgres.source("SELECT CAST(NULL AS bigint) AS a, CAST(1 AS numeric(9, 2)) AS b LIMIT 0").state()
    assert columns.rows == 0


def test_the_document_says_what_the_database_called_the_types(ground: Ground, postgres: Database):
    document = document_of(ground, postgres.extract(ground, "SELECT CAST(1 AS numeric(9, 2)) AS price"))
    assert document.columns
    assert [(c.name, c.type, c.source_type) for c in document.columns] == [
        ("price", "decimal128(9, 2)", "numeric(9,2)")
    ]


def test_a_column_of_sqlite_has_the_type_of_all_its_values(ground: Ground, sqlite_file: Database):
    sqlite_file.do(
        "INSERT INTO events SELECT NULL, NULL, NULL", "CREATE TABLE t (a, b, c, d, e)",
        "INSERT INTO t VALUES (NULL, NULL, NULL, NULL, NULL)", "INSERT INTO t VALUES (1, 1, 'é', x'00ff', NULL)",
        "INSERT INTO t VALUES (9007199254740993, 2.5, '', x'', NULL)",
    )  # fmt: skip
    table = table_of(ground, sqlite_file.extract(ground, "SELECT * FROM t -- a comment at the end"))
    assert table.to_pydict() == {
        "a": [None, 1, 9007199254740993], "b": [None, 1.0, 2.5], "c": [None, "é", ""], "d": [None, b"\x00\xff", b""],
        "e": [None, None, None],
    }  # fmt: skip
    assert str(table.schema.field("a").type) == "int64"


def test_a_table_of_many_columns_is_told_from_one_with_values_in_other_rows(sqlite_file: Database):
    sqlite_file.do("CREATE TABLE t (" + ", ".join(f"c{number}" for number in range(300)) + ")")
    sqlite_file.do("INSERT INTO t (c0, c299) VALUES (1, 1), (2, 2)")
    state = sqlite_file.source("SELECT * FROM t").state()
    sqlite_file.do("UPDATE t SET c299 = 3 - c299")
    assert sqlite_file.source("SELECT * FROM t").state().fingerprint != state.fingerprint


def test_a_column_of_numbers_and_words_names_itself(ground: Ground, sqlite_file: Database):
    sqlite_file.do("CREATE TABLE t (a)", "INSERT INTO t VALUES (1), ('two')")
    result = sqlite_file.extract(ground, "SELECT a FROM t")
    assert (result.error.kind, result.error.field) == ("user", "data.train.sql.query")
    assert "'a' holds integer and text" in result.error.message


def test_unchanged_rows_are_not_read_again_and_changed_ones_are(ground: Ground, database: Database):
    database.do("INSERT INTO events SELECT 1, '2026-01-01', 'a'", "INSERT INTO events SELECT 2, '2026-01-02', 'b'")
    statement = "SELECT id, note FROM events"
    extracted = [database.extract(ground, statement, 1), database.extract(ground, statement, 2)]
    database.do("UPDATE events SET note = 'c' WHERE id = 2")
    extracted.append(database.extract(ground, statement, 3))
    snapshots = [result.outputs.snapshots["train"] for result in extracted]
    assert [(s.rows, s.reused) for s in snapshots] == [(2, False), (2, True), (2, False)]
    assert snapshots[0].digest == snapshots[1].digest != snapshots[2].digest


def test_the_order_of_rows_does_not_change_the_state_but_how_often_one_comes_does(database: Database):
    database.do("INSERT INTO events SELECT 1, '2026-01-01', 'a'", "INSERT INTO events SELECT 2, '2026-01-02', 'b'")
    state = database.source("SELECT id, note FROM events ORDER BY id").state()
    assert state == database.source("SELECT id, note FROM events ORDER BY id DESC").state()
    database.do("INSERT INTO events SELECT 1, '2026-01-01', 'a'", "INSERT INTO events SELECT 1, '2026-01-01', 'a'")
    assert database.source("SELECT id, note FROM events").state().fingerprint != state.fingerprint


def test_values_are_bound_and_never_become_sql(ground: Ground, database: Database):
    database.do("INSERT INTO events SELECT 1, '2026-01-01 00:00:00', 'a'")
    database.do("INSERT INTO events SELECT 2, '2026-04-01 00:00:00', 'b'")
    text = "char" if database.login.kind == "mysql" else "text"
    statement = rf"SELECT id, CAST(:words AS {text}) AS words, '\:as_of 100%' AS kept FROM events WHERE at < :as_of"
    words = BoundValue(kind="text", text=HOSTILE)
    as_of = BoundValue(kind="timestamp", text="2026-03-01T00:00:00+00:00")
    table = table_of(ground, database.extract(ground, statement, words=words, as_of=as_of))
    assert table.to_pylist() == [{"id": 1, "words": HOSTILE, "kept": ":as_of 100%"}]


@pytest.mark.parametrize("server", ["postgres", "mysql"])
def test_the_rows_are_those_of_the_state_whatever_is_written_meanwhile(request: pytest.FixtureRequest, server: str):
    database: Database = request.getfixturevalue(server)
    database.do("INSERT INTO events SELECT 1, now(), 'a'")
    for _ in range(9):
        database.do("INSERT INTO events SELECT id, at, note FROM events")
    source = database.source("SELECT id FROM events")
    state = source.state()
    database.do("DELETE FROM events")
    kept = Kept()
    source.fetch(state, kept)
    assert state.rows == sum(batch.num_rows for batch in kept.batches) == 512


def test_every_type_of_mysql_arrives_as_what_it_is(ground: Ground, mysql: Database):
    mysql.do(
        "DROP TABLE IF EXISTS kinds",
        "CREATE TABLE kinds (tiny tinyint, small smallint unsigned, plain int, large bigint unsigned, single float, "
        "twice double, exact decimal(30, 9), day date, clock time(1), local datetime(6), zoned timestamp(0) NULL, "
        "year year, words varchar(20), bytes varbinary(9), longer text, kind enum('a', 'b'), nothing int)",
        "INSERT INTO kinds VALUES (-1, 65535, -2, 18446744073709551615, 1.5, 0.1, 123456789012345678901.123456789, "
        "'2024-02-29', '-10:11:12.5', '2024-01-01 10:00:00.123456', '2024-01-01 10:00:00', 2024, 'é', x'00ff', 'é', "
        "'b', NULL)",
    )
    result = mysql.extract(ground, "SELECT * FROM kinds")
    (row,) = table_of(ground, result).to_pylist()
    assert row == {
        "tiny": -1, "small": 65535, "plain": -2, "large": 18446744073709551615, "single": 1.5, "twice": 0.1,
        "exact": Decimal("123456789012345678901.123456789"), "day": date(2024, 2, 29),
        "clock": -timedelta(hours=10, minutes=11, seconds=12.5),
        "local": datetime(2024, 1, 1, 10, 0, 0, 123456), "zoned": datetime(2024, 1, 1, 10, tzinfo=UTC),  # noqa: DTZ001
        "year": 2024, "words": "é", "bytes": b"\x00\xff", "longer": "é", "kind": "b", "nothing": None,
    }  # fmt: skip
    columns = document_of(ground, result).columns
    assert columns
    assert columns[3].source_type == "longlong unsigned"


def test_mysqls_sum_sees_the_last_digit_of_a_float_and_tells_null_from_text(mysql: Database):
    mysql.do("DROP TABLE IF EXISTS near", "CREATE TABLE near (x float, note text)")
    states = set()
    for value, note in (("1.0000001", "'NULL'"), ("1.0000002", "'NULL'"), ("1.0000001", "NULL"), ("1.0000001", "''")):
        mysql.do("DELETE FROM near", f"INSERT INTO near VALUES ({value}, {note})")
        states.add(mysql.source("SELECT * FROM near").state().fingerprint)
    assert len(states) == 4


@pytest.mark.parametrize("statement", [
    "WITH gone AS (DELETE FROM events RETURNING id) SELECT id FROM gone", "SELECT nextval('numbers')",
])  # fmt: skip
def test_a_query_that_writes_is_refused_by_the_transaction(ground: Ground, postgres: Database, statement):
    postgres.do("CREATE SEQUENCE IF NOT EXISTS numbers", "INSERT INTO events VALUES (1, now(), 'a')")
    result = postgres.extract(ground, statement)
    assert (result.error.kind, result.error.field) == ("user", "data.train.sql.query")
    assert postgres.connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


@pytest.mark.parametrize("server", ["postgres", "mysql"])
def test_a_connection_lost_between_rows_is_the_platforms_fault(request: pytest.FixtureRequest, server: str):
    database: Database = request.getfixturevalue(server)
    database.do("INSERT INTO events SELECT 1, now(), repeat('x', 2000)")
    for _ in range(15):
        database.do("INSERT INTO events SELECT id, at, note FROM events")
    source = database.source("SELECT id, note FROM events")
    state = source.state()
    with pytest.raises(PlatformFault, match="was not answered"):
        source.fetch(state, Kept(after_first=lambda: _end_others(database)))


def _end_others(database: Database) -> None:
    with closing(database.connection.cursor()) as cursor:
        if database.login.kind == "postgres":
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            return
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND user = 'verbatim'"
        )
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")


@pytest.mark.parametrize(("statement", "said"), [
    ("SELECT id FROM nowhere", "nowhere"),
    ("SELECT id, id FROM events", "id"),
])  # fmt: skip
def test_what_is_wrong_with_the_query_names_the_field(ground: Ground, database: Database, statement, said):
    result = database.extract(ground, statement)
    assert (result.error.kind, result.error.field) == ("user", "data.train.sql.query")
    assert said in result.error.message


@pytest.mark.parametrize(("expression", "said"), [
    ("CAST('infinity' AS date)", "date"),
    ("CAST('NaN' AS numeric)", "decimal"),
    ("CAST('1e30' AS numeric)", "decimal"),
    ("ARRAY[ARRAY[1, 2], ARRAY[3, 4]]", "int32"),
])  # fmt: skip
def test_a_value_that_arrow_cannot_hold_names_what_to_do(ground: Ground, postgres: Database, expression, said):
    result = postgres.extract(ground, f"SELECT {expression} AS odd")
    assert (result.error.kind, result.error.field) == ("user", "data.train.sql.query")
    assert said in result.error.message
    assert "Cast it" in result.error.message or "cannot be read" in result.error.message


@pytest.mark.parametrize("wrong", [{"password": "hunter2-wrong"}, {"port": 9, "password": "hunter2-wrong"}])
def test_a_login_that_fails_never_shows_its_password(ground: Ground, postgres: Database, wrong):
    fields = {"kind": "postgres", "host": "127.0.0.1", "port": postgres.login.port, "database": "postgres"}
    postgres.login = DatabaseLogin(**{**fields, "username": "verbatim", **wrong})
    result = postgres.extract(ground, "SELECT 1 AS x")
    assert result.error.kind == "platform"
    assert "hunter2" not in result.error.message


def test_wide_rows_come_a_few_at_a_time(postgres: Database):
    source = postgres.source("SELECT i, repeat('x', 500000) AS note FROM generate_series(1, 200) AS i")
    kept = Kept()
    source.fetch(source.state(), kept)
    assert max(batch.num_rows for batch in kept.batches[1:]) <= 40


def test_a_kind_of_connection_that_is_not_known_is_told(ground: Ground, sqlite_file: Database):
    sqlite_file.login = DatabaseLogin(kind="generic")
    result = sqlite_file.extract(ground, "SELECT 1 AS x")
    assert (result.error.kind, result.error.field) == ("user", "data.train.sql.connection")


def test_a_mysql_server_that_takes_a_connection_and_hangs_is_the_platforms_fault(ground: Ground, monkeypatch):
    monkeypatch.setattr(mysql_source, "ANSWER_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        login = DatabaseLogin(kind="mysql", host="127.0.0.1", port=server.getsockname()[1], username="ada")
        result = Database(None, login, None).extract(ground, "SELECT 1 AS a")
    assert (result.error.kind, result.outputs) == ("platform", None)
    assert "the query on db was not answered" in result.error.message
