"""The rows of a query on a real HiveServer2 become a snapshot: all of them, as of the moment, or none."""

from __future__ import annotations

import itertools
import json
import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from answering import answering
from hive_server import PASSWORD

from verbatim.channels import HiveSource
from verbatim.errors import PlatformFault, Stopped, UserFault
from verbatim.snapshot import DatasetSnapshot
from verbatim.spec import BoundQuery, Export, PinnedChannel
from verbatim.stage import DatabaseLogin, StageSecrets
from verbatim_runner.sources.data import open_source
from verbatim_runner.sources.data.hive import session as hive_session
from verbatim_runner.sources.data.hive import source as hive_source
from verbatim_runner.sources.data.hive import statements
from verbatim_runner.sources.data.hive import transport as hive_transport
from verbatim_runner.sources.data.hive.exports import ExportDirectory
from verbatim_runner.sources.data.hive.refusals import fault_of
from verbatim_runner.sources.data.hive.transport import Address
from verbatim_runner.sources.snapshots.sink import StoreSink
from verbatim_runner.sources.snapshots.take import take_snapshot

ALL_TYPES = {
    "flag": ("CAST(1 AS BOOLEAN)", "boolean", pa.bool_(), True),
    "tiny": ("CAST(-7 AS TINYINT)", "tinyint", pa.int8(), -7),
    "small": ("CAST(-300 AS SMALLINT)", "smallint", pa.int16(), -300),
    "whole": ("70000", "int", pa.int32(), 70000),
    "big": ("9223372036854775807L", "bigint", pa.int64(), 2**63 - 1),
    "single": ("CAST(0.5 AS FLOAT)", "float", pa.float32(), 0.5),
    "number": ("CAST(0.1 AS DOUBLE)", "double", pa.float64(), 0.1),
    "price": ("CAST(-12.30 AS DECIMAL(38,2))", "decimal(38,2)", pa.decimal128(38, 2), Decimal("-12.30")),
    "word": ("'naïve \\'q\\' ☃'", "string", pa.string(), "naïve 'q' ☃"),
    "raw": ("X'00FF'", "binary", pa.binary(), b"\x00\xff"),
    "day": ("DATE'0044-03-15'", "date", pa.date32(), date(44, 3, 15)),
    "at": (
        "TIMESTAMP'1899-12-31 23:59:59.000001'",
        "timestamp",
        pa.timestamp("us"),
        datetime(1899, 12, 31, 23, 59, 59, 1),  # noqa: DTZ001  (a wall clock's)
    ),
    "items": ("array('a\",\"b', NULL)", "array<string>", pa.list_(pa.string()), ['a","b', None]),
    "pairs": ("map('k', 1)", "map<string,int>", pa.map_(pa.string(), pa.int32()), [("k", 1)]),
    "thing": (
        "named_struct('x', 1, 'y', array(2))",
        "struct<x:int,y:array<int>>",
        pa.struct([("x", pa.int32()), ("y", pa.list_(pa.int32()))]),
        {"x": 1, "y": [2]},
    ),
}


class Lake:
    """Takes snapshots of queries on one server."""

    def __init__(self, server, ground) -> None:
        self.server = server
        self.ground = ground
        self._tries = itertools.count(1)

    def pinned(self, statement: str, *, mode: str = "client", as_of: datetime | None = None) -> PinnedChannel:
        export = Export(uri=f"file://{self.server.home}/exports") if mode == "server" else None
        return PinnedChannel(
            source=HiveSource(connection="hive_lake", query=statement, mode=mode),
            as_of=as_of or datetime(2026, 1, 2, tzinfo=UTC),
            query=BoundQuery(statement=statement, time_bound=True),
            export=export,
        )

    def context(self, login: DatabaseLogin | None = None):
        request = self.ground.request("extract", try_number=next(self._tries))
        return self.ground.context(request, StageSecrets(databases={"hive_lake": login or self.server.login}))

    def take(self, statement: str, *, login: DatabaseLogin | None = None, **given):
        """Take a snapshot; returns its reference, its document and its rows."""
        reference = take_snapshot(self.context(login), "train", self.pinned(statement, **given))
        document = DatasetSnapshot.parse(self.ground.store.get_blob(reference.document), source="test")
        tables = [pq.read_table(pa.BufferReader(self.ground.store.get_blob(file.sha256))) for file in document.files]
        return reference, document, pa.concat_tables(tables)

    def open(self, statement: str, **given):
        context = self.context()
        return open_source(context, "train", self.pinned(statement, **given)), context


@pytest.fixture
def lake(hive_server, ground):
    return Lake(hive_server, ground)


@pytest.fixture
def table(hive_server, request):
    """Make a table of a query; gives its name."""
    name = "t_" + "".join(char if char.isalnum() else "_" for char in request.node.name)[:60].lower()

    def make(query: str) -> str:
        hive_server.execute(f"DROP TABLE IF EXISTS {name}", f"CREATE TABLE {name} STORED AS PARQUET AS {query}")
        return name

    yield make
    hive_server.execute(f"DROP TABLE IF EXISTS {name}")


def every_type() -> str:
    values = ", ".join(f"{value} AS {name}" for name, (value, *_) in ALL_TYPES.items())
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, (_, kind, *_) in ALL_TYPES.items())
    return f"SELECT 1 AS id, {values} UNION ALL SELECT 2 AS id, {nulls}"


@pytest.mark.hive
class TestRows:
    def test_a_table_of_every_type_keeps_its_values(self, lake, table):
        name = table(every_type())
        _, document, rows = lake.take(f"SELECT * FROM {name} ORDER BY id")
        types = {column.name: column.source_type for column in document.columns}
        first, second = rows.to_pylist()
        for column, (_, kind, arrow, value) in ALL_TYPES.items():
            assert (types[column], rows.schema.field(column).type) == (kind, arrow)
            assert (first[column], second[column]) == (value, None)

    def test_the_server_writes_the_same_values_as_parquet(self, lake, table):
        name = table(every_type())
        _, document, rows = lake.take(f"SELECT * FROM {name} ORDER BY id", mode="server")
        first, second = rows.to_pylist()
        for column, (_, kind, _, value) in ALL_TYPES.items():
            expected = value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
            assert (first[column], second[column]) == (expected, None)
            assert next(item.source_type for item in document.columns if item.name == column) == kind
        assert not list((lake.server.home / "exports").rglob("*"))

    @pytest.mark.parametrize("mode", ["client", "server"])
    def test_rows_come_in_the_order_that_the_query_says(self, lake, mode):
        query = "WITH n AS (SELECT id FROM range(60000)) SELECT id, DATE'2026-01-01' AS d FROM n ORDER BY id DESC"
        reference, _, rows = lake.take(query, mode=mode)
        assert reference.rows == 60000
        assert rows["id"].to_pylist() == list(range(59999, -1, -1))

    @pytest.mark.parametrize("mode", ["client", "server"])
    def test_a_result_without_rows_has_its_columns(self, lake, mode):
        source, context = lake.open("SELECT id, 'x' AS word FROM range(10) WHERE id > 99", mode=mode)
        with StoreSink(context, "train", source, None) as sink:
            source.fetch(source.state(), sink)
        assert (sink.rows, [column.name for column in sink.columns]) == (0, ["id", "word"])

    @pytest.mark.parametrize("query", [
        "SELECT repeat('x', 1000000) AS a FROM range(0, 300, 1, 1)",
        "SELECT IF(id < 60000, 'x', repeat('x', 100000)) AS a FROM range(0, 63000, 1, 1)",
    ])  # fmt: skip
    def test_rows_too_wide_for_one_answer_come_in_several(self, lake, query):
        source, context = lake.open(query)
        with StoreSink(context, "train", source, None) as sink:
            source.fetch(source.state(), sink)
        assert sink.rows in (300, 63000)

    def test_the_same_rows_in_the_same_order_are_the_same_files(self, lake):
        query = "SELECT id, id * 0.5 AS x FROM range(30000) ORDER BY id"
        first = lake.take(query, as_of=datetime(2026, 1, 2, tzinfo=UTC))[1]
        second = lake.take(query + " LIMIT 30000", as_of=datetime(2026, 1, 3, tzinfo=UTC))[1]
        assert [file.sha256 for file in first.files] == [file.sha256 for file in second.files]


@pytest.mark.hive
class TestAsOf:
    def test_rows_of_later_do_not_change_a_snapshot_and_nothing_is_read_again(self, lake, table):
        name = table("SELECT id, timestamp_seconds(id) AS at FROM range(1000)")
        query = f"SELECT * FROM {name} WHERE at <= TIMESTAMP'1970-01-01 00:10:00'"
        first, _, rows = lake.take(query)
        lake.server.execute(f"INSERT INTO {name} SELECT id, timestamp_seconds(id) FROM range(1000, 2000)")
        again, _, _ = lake.take(query)
        assert (first.rows, first.reused, again.reused) == (601, False, True)
        assert again.digest == first.digest
        assert max(rows["id"].to_pylist()) == 600

    def test_changed_rows_under_the_moment_are_seen(self, lake, table):
        name = table("SELECT id, pmod(id, 2) AS label FROM range(100)")
        before = open_state(lake, f"SELECT * FROM {name}")
        lake.server.execute(f"INSERT OVERWRITE TABLE {name} SELECT id, pmod(id + 1, 2) FROM range(100)")
        after = open_state(lake, f"SELECT * FROM {name}")
        assert before.rows == after.rows
        assert before.fingerprint != after.fingerprint

    @pytest.mark.parametrize(("then", "now"), [
        ("SELECT 5 AS a, CAST(NULL AS INT) AS b", "SELECT CAST(NULL AS INT) AS a, 5 AS b"),
        ("SELECT 1 AS a, array(1, NULL) AS b", "SELECT 1 AS a, array(NULL, 1) AS b"),
        ("SELECT named_struct('x', 1, 'y', CAST(NULL AS INT)) AS a", "SELECT named_struct('x', CAST(NULL AS INT), 'y', 1) AS a"),
        ("SELECT CAST(NULL AS ARRAY<INT>) AS a", "SELECT CAST(array() AS ARRAY<INT>) AS a"),
        ("SELECT map('k', TIMESTAMP'2026-01-01 00:00:00.000001') AS a", "SELECT map('k', TIMESTAMP'2026-01-01 00:00:00.000002') AS a"),
    ])  # fmt: skip
    def test_values_that_change_places_with_nulls_are_seen(self, lake, then, now):
        assert open_state(lake, then).fingerprint != open_state(lake, now).fingerprint

    def test_the_state_does_not_depend_on_the_order(self, lake):
        states = {
            open_state(lake, f"SELECT id, map('k', id) AS m FROM range(5000) ORDER BY id {order}").fingerprint
            for order in ("ASC", "DESC")
        }
        assert len(states) == 1

    def test_rows_that_change_while_they_are_read_are_refused(self, lake, table):
        name = table("SELECT id FROM range(3000)")
        source, context = lake.open(f"SELECT * FROM {name}")
        state = source.state()
        lake.server.execute(f"INSERT OVERWRITE TABLE {name} SELECT id + 1 FROM range(3000)")
        with StoreSink(context, "train", source, None) as sink:
            with pytest.raises(UserFault, match="other rows after it was read"):
                source.fetch(state, sink)
            assert sink.files == ()

    @pytest.mark.parametrize("mode", ["client", "server"])
    def test_rows_that_do_not_come_are_missed(self, lake, monkeypatch, mode):
        whole_rows, whole_files = hive_source.read_rows, ExportDirectory.bring
        monkeypatch.setattr(hive_source, "read_rows", lambda *given: list(whole_rows(*given))[:1])
        monkeypatch.setattr(ExportDirectory, "bring", lambda *given: whole_files(*given)[:1])
        with pytest.raises(UserFault, match="its server had counted 3000"):
            lake.take("SELECT * FROM range(3000)", mode=mode)


def open_state(lake, query: str):
    return lake.open(query)[0].state()


@pytest.mark.hive
class TestRefusals:
    @pytest.mark.parametrize("mode", ["client", "server"])
    def test_a_table_that_is_not_there_is_named(self, lake, mode):
        with pytest.raises(UserFault, match=r"the query on hive_lake fails: \[TABLE_OR_VIEW_NOT_FOUND\]") as raised:
            lake.take("SELECT * FROM nosuchtable", mode=mode)
        assert raised.value.field == "data.train.hive.query"
        assert "nosuchtable" in raised.value.message

    def test_an_error_in_the_midst_of_the_rows_leaves_nothing(self, lake):
        with pytest.raises(UserFault, match="DIVIDE_BY_ZERO"):
            lake.take("SELECT id, 1 / (id - 40000) AS x FROM range(60000)", mode="server")
        assert not list((lake.server.home / "exports").rglob("*"))

    def test_an_error_in_the_midst_of_the_rows_is_the_querys(self, lake, table):
        name = table("SELECT id FROM range(30000)")
        source, context = lake.open(f"SELECT 1 / (id - 90000) AS x FROM {name}")
        state = source.state()
        lake.server.execute(f"INSERT INTO {name} VALUES (90000)")
        with StoreSink(context, "train", source, None) as sink:
            with pytest.raises(UserFault, match="DIVIDE_BY_ZERO"):
                source.fetch(state, sink)
            assert sink.files == ()

    def test_a_stop_in_the_midst_of_the_rows_leaves_no_thread(self, lake):
        source, _ = lake.open("SELECT id FROM range(300000)")

        class Stopping:
            @contextmanager
            def take_table(self, schema, source_types):
                yield self.stop

            def stop(self, batch):
                raise Stopped("stopped by SIGTERM")

        state = source.state()
        with pytest.raises(Stopped):
            source.fetch(state, Stopping())
        assert "hive-rows" not in {thread.name for thread in threading.enumerate()}

    def test_a_wrong_password_is_refused_and_not_told(self, lake):
        login = lake.server.login.model_copy(update={"password": type(lake.server.login.password)("Wr0ng-canary")})
        with pytest.raises(UserFault, match="refuses the login") as raised:
            lake.take("SELECT 1 AS one", login=login)
        assert raised.value.field == "data.train.hive.connection"
        assert "Wr0ng-canary" not in str(raised.value)

    def test_a_server_that_does_not_answer_is_the_platforms_fault(self, lake, free_port):
        login = lake.server.login.model_copy(update={"port": free_port()})
        with pytest.raises(PlatformFault, match="does not answer"):
            lake.take("SELECT 1 AS one", login=login)

    def test_a_stop_ends_what_runs_on_the_server(self, lake, monkeypatch):
        monkeypatch.setattr(hive_session, "PROGRESS_INTERVAL_S", 0.2)

        def stop(text: str) -> None:
            if "runs on the server" in text:
                raise Stopped("stopped by SIGTERM")

        source, context = lake.open("SELECT max(pmod(id, 7)) AS m FROM range(1000000000000000)")
        monkeypatch.setattr(context.console, "say", stop)
        with pytest.raises(Stopped):
            source.state()
        awaited = threading.Event()
        for _ in range(600):
            if "cancelled" in lake.server.log.read_text().lower():
                return
            awaited.wait(0.05)
        raise AssertionError("the query still runs")


@pytest.mark.hive
class TestLostConnections:
    def test_a_connection_that_is_lost_once_starts_the_query_anew(self, lake, capsys):
        with cutting_proxy(lake.server.port, cuts=[None, 200_000]) as port:
            login = lake.server.login.model_copy(update={"port": port})
            reference, _, rows = lake.take("SELECT id, 'x' AS u FROM range(40000)", login=login)
        assert reference.rows == 40000
        assert sorted(rows["id"].to_pylist()) == list(range(40000))
        assert "tried once more" in capsys.readouterr().out

    def test_a_connection_that_is_lost_again_fails_with_nothing_stored(self, lake):
        with cutting_proxy(lake.server.port, cuts=[None, 200_000, 200_000]) as port:
            login = lake.server.login.model_copy(update={"port": port})
            with pytest.raises(PlatformFault, match="connection to the Hive server was lost") as raised:
                lake.take("SELECT id, 'y' AS u FROM range(40000)", login=login)
        assert PASSWORD not in str(raised.value)

    def test_a_connection_that_ends_before_the_login_says_so(self, lake):
        with cutting_proxy(lake.server.port, cuts=[0, 0]) as port:
            login = lake.server.login.model_copy(update={"port": port})
            with pytest.raises(PlatformFault, match="ended the connection before the login"):
                lake.take("SELECT 1 AS one", login=login)


@contextmanager
def cutting_proxy(port: int, *, cuts: list[int | None]):
    """Pass connections on; the n-th is cut after so many bytes from the server, those after the last never."""
    limits = iter(cuts)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            left = next(limits, None)
            with socket.create_connection(("127.0.0.1", port)) as server:
                threading.Thread(target=self.pump, args=(self.request, server), daemon=True).start()
                while data := server.recv(65536):
                    if left is not None:
                        left -= len(data)
                        if left < 0:
                            break
                    self.request.sendall(data)

        @staticmethod
        def pump(origin, target):
            with suppress(OSError):
                while data := origin.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)

    class Proxy(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    with Proxy(("127.0.0.1", 0), Handler) as proxy, answering(proxy):
        yield proxy.server_address[1]


class TestConnections:
    def login(self, **given) -> DatabaseLogin:
        extra = given.pop("extra", {})
        fields = {"kind": "hiveserver2", "host": "hive", "username": "ada", "password": "canary"} | given
        return DatabaseLogin(**fields, extra=extra if isinstance(extra, str) else json.dumps(extra))

    def test_the_fields_mean_what_they_mean_to_the_provider(self):
        address = Address.of(self.login(), field="f")
        assert (address.port, address.mechanism, address.tls) == (10000, "PLAIN", False)
        assert Address.of(self.login(extra={"auth_mechanism": "NOSASL"}), field="f").mechanism is None
        assert Address.of(self.login(username=None), field="f").username == "airflow"
        assert Address.of(self.login(extra={"use_ssl": "true"}), field="f").tls

    def test_a_server_that_takes_a_connection_and_hangs_is_lost(self, monkeypatch):
        monkeypatch.setattr(hive_transport, "ANSWER_TIMEOUT_S", 0.1)
        with socket.create_server(("127.0.0.1", 0)) as server:
            login = self.login(host="127.0.0.1", port=server.getsockname()[1], extra={"auth_mechanism": "NOSASL"})
            session = hive_session.HiveSession(login, "the query", channel="train", say=print)
            with pytest.raises(PlatformFault, match="connection to the Hive server was lost"):
                session.__enter__()

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"host": None}, "names no host"),
            ({"extra": "[canary"}, "is not a JSON object"),
            ({"extra": {"auth_mechanism": "MAGIC"}}, "is 'MAGIC'; expected 'NONE'"),
            ({"extra": {"auth_mechanism": "KERBEROS"}}, "lacks the Python package 'kerberos'"),
        ],
    )
    def test_what_cannot_be_had_is_said(self, given, expected):
        with pytest.raises(UserFault, match=expected) as raised:
            Address.of(self.login(**given), field="data.train.hive.connection")
        assert raised.value.field == "data.train.hive.connection"
        assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("message", "state", "kind", "told"),
    [
        (
            "org.apache.hive.service.cli.HiveSQLException: Error running query: [X.Y] org.apache.spark.sql.SomeException: [X.Y] The table `t` is not there.\n\tat org.apache",
            "42P01",
            UserFault,
            "[X.Y] The table `t` is not there.",
        ),
        (
            "Error while compiling statement: FAILED: HiveAccessControlException Permission denied: user [ada]",
            "42000",
            UserFault,
            "FAILED: HiveAccessControlException Permission denied: user [ada]",
        ),
        ("java.io.IOException: java.net.ConnectException: refused s3cr3t", None, PlatformFault, "refused ***"),
        (
            "[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012",
            None,
            UserFault,
            "[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012",
        ),
        (None, "08S01", PlatformFault, "the server does not say why"),
    ],
)
def test_what_a_server_says_becomes_one_line_and_the_right_fault(message, state, kind, told):
    fault = fault_of(message, state, "the query on hive_lake", ["s3cr3t"], field="data.train.hive.query")
    assert (type(fault), fault.message) == (kind, f"the query on hive_lake fails: {told}")


def test_definitions_stay_at_a_statements_beginning():
    query = "WITH a AS (SELECT 1 AS x) SELECT x FROM a"
    assert statements.within(query, "count(*)").startswith("WITH a AS (SELECT 1 AS x) SELECT count(*) FROM (\nSELECT x")
    assert " INSERT OVERWRITE DIRECTORY 'file:///x/' STORED AS PARQUET\nSELECT x" in statements.export(
        query, "file:///x/"
    )
