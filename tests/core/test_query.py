from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import mysql, postgresql

from verbatim.data.query import bind_query
from verbatim.data.sql.parts import split_with
from verbatim.data.templates import Values
from verbatim.errors import RequestError

if TYPE_CHECKING:
    from hive_server import HiveServer

    from verbatim.spec import BoundQuery

Dialect = Literal["hive", "postgres", "mysql", "sqlite"]
AS_OF = datetime(2026, 11, 20, 4, 5, 6, 7, tzinfo=UTC)
START, END = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
NASTY = (
    "", "'", "''", '"', "\\", "\\\\", "\\'", "'\\", "\\\\'", "' OR 1=1 --", "'; DROP TABLE x; --", "\\' OR 1=1 --",
    "/*", "*/", "--", "#", "/*!1*/", "a\nb", "a\r\nb", "\t", "\x01", "\x1a", "\\0", "\\n", "\\u0027", "\\047", "\\x27", "%",
    "\\%", "\\_", "100%", "%s", "%(v1)s", ":v1", "\\:v1", "::", "?", "$1", "$$", "${hiveconf:x}", "${env:PATH}",
    "$${system:user.name}", "${", "$\\{", "{{ as_of }}", "}}", "`", "``", "münchen", "\u00a0", "\u2028", "\u02bc", "\uff07",
    "😀", "\u202e", "NULL", "x" * 5000,
)  # fmt: skip


def bind(query: str, dialect: Dialect = "hive", **parameters: Any) -> BoundQuery:
    return bind_query(query, Values(AS_OF, START, END, parameters), dialect=dialect, field="data.a.hive.query")


def refusal(query: str, dialect: Dialect = "hive", **parameters: Any) -> str:
    with pytest.raises(RequestError) as raised:
        bind(query, dialect, **parameters)
    assert {problem.field for problem in raised.value.problems} == {"data.a.hive.query"}
    return str(raised.value)


@pytest.mark.parametrize(
    ("template", "literal"),
    [
        ("{{ as_of }}", "TIMESTAMP '2026-11-20 04:05:06.000007'"),
        ("{{ interval_start }}", "TIMESTAMP '2026-01-02 00:00:00.000000'"),
        ("{{ interval_end | ds }}", "'2026-01-03'"),
        ("{{ as_of | date }}", "DATE '2026-11-20'"),
        ("{{ as_of | minus(1d) }}", "TIMESTAMP '2026-11-19 04:05:06.000007'"),
        ("{{ parameters.text }}", r"'it\'s \\d'"),
        ("{{ parameters.whole }}", "7"),
        ("{{ parameters.below }}", "(-7)"),
        ("{{ parameters.part }}", "1.5E0"),
        ("{{ parameters.tiny }}", "(-1e-07)"),
        ("{{ parameters.huge }}", "1E+22"),
        ("{{ parameters.yes }}", "TRUE"),
        ("{{ parameters.none }}", "NULL"),
        ("{{ parameters.deep.er }}", "'x'"),
    ],
)
def test_hive_is_given_a_value_as_a_typed_literal(template: str, literal: str) -> None:
    parameters = {
        "text": r"it's \d", "whole": 7, "below": -7, "part": 1.5, "tiny": -1e-7, "huge": 1e22, "yes": True, "none": None,
        "deep": {"er": "x"},
    }  # fmt: skip
    bound = bind(f"SELECT a FROM t WHERE b -{template} < 3", **parameters)
    assert bound.statement == f"SELECT a FROM t WHERE b -{literal} < 3"
    assert bound.values == {}


def test_a_list_is_bound_one_by_one_within_in() -> None:
    query = "SELECT a FROM t WHERE b IN ( {{ parameters.days }} ) AND c = {{ parameters.x }}"
    assert bind(query, days=[1, "x", -2], x=0).statement == "SELECT a FROM t WHERE b IN ( 1, 'x', (-2) ) AND c = 0"
    bound = bind(query, "postgres", days=[1, "x", -2], x=0)
    assert bound.statement == "SELECT a FROM t WHERE b IN ( :v1, :v2, :v3 ) AND c = :v4"
    assert [(value.kind, value.text) for value in bound.values.values()] == [
        ("integer", "1"), ("text", "x"), ("integer", "-2"), ("integer", "0"),
    ]  # fmt: skip
    for unfit in ([], [[1]], [{"x": 1}], {"x": 1}, [float("nan")], 2**63, float("inf")):
        refusal("SELECT a FROM t WHERE b IN ({{ parameters.days }})", days=unfit)
    assert "in IN (…)" in refusal("SELECT a FROM t WHERE b = {{ parameters.days }}", days=[1])
    assert "in IN (…)" in refusal("SELECT f({{ parameters.days }}) FROM t", days=[1])


def read_hive_text(source: str) -> tuple[str, str]:
    """Read one quoted text as Hive's lexer and unescapeSQLString do; return it and what follows."""
    assert source[0] == "'"
    content, place = "", 1
    while source[place] != "'":
        if source[place] != "\\":
            content, place = content + source[place], place + 1
        elif re.match(r"\\u[0-9a-fA-F]{4}", source[place:]):
            content, place = content + chr(int(source[place + 2 : place + 6], 16)), place + 6
        elif re.match(r"\\[0-3][0-7]{2}", source[place:]):
            content, place = content + chr(int(source[place + 1 : place + 4], 8)), place + 4
        else:
            escapes = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
            content, place = content + escapes.get(source[place + 1], source[place + 1]), place + 2
    return content, source[place + 1 :]


def test_any_text_comes_out_as_just_that_text() -> None:
    chance = random.Random(7)
    pieces = (
        "'",
        '"',
        "\\",
        "`",
        "${",
        "$",
        "{",
        "}",
        "-",
        "/",
        "*",
        ";",
        "\n",
        "\r",
        "0",
        "n",
        "u0027",
        "%",
        ":",
        "é",
        "😀",
    )
    texts = [*NASTY, *("".join(chance.choices(pieces, k=chance.randint(1, 9))) for _ in range(300))]
    for value in texts:
        statement = bind("SELECT {{ parameters.x }} AS a FROM t", x=value).statement
        assert read_hive_text(statement.removeprefix("SELECT ")) == (value, " AS a FROM t")
        assert "${" not in statement, "the server would fill it in"


@pytest.mark.parametrize("zone", ["", "::timestamptz"])
def test_other_databases_get_values_beside_the_text(zone: str) -> None:
    query = f"SELECT a::int, '10:00', b[1:2] FROM t WHERE ts < {{{{ as_of }}}}{zone} AND c = {{{{ parameters.x }}}}"
    bound = bind(query, "postgres", x="y")
    compiled = str(text(bound.statement).compile(dialect=postgresql.dialect()))
    expected = query.replace("{{ as_of }}", "%(v1)s").replace("{{ parameters.x }}", "%(v2)s")
    assert compiled == expected
    assert (bound.values["v1"].kind, bound.values["v1"].text) == ("timestamp", "2026-11-20T04:05:06.000007+00:00")
    assert (bound.values["v2"].kind, bound.values["v2"].text) == ("text", "y")


def test_what_a_user_writes_is_what_a_database_is_sent() -> None:
    own = r"SELECT ':a', '\:b', '\\:c', '::d', '%', '%s', ':v1', 'é:f', ' :g' FROM t"
    for dialect, spoken in (("postgres", postgresql.dialect()), ("mysql", mysql.dialect())):
        compiled = str(text(bind(own, dialect).statement).compile(dialect=spoken))
        assert compiled.replace("%%", "%") == own
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        row = connection.execute(text(bind(own.removesuffix(" FROM t"), "sqlite").statement)).one()
        assert tuple(row) == (":a", r"\:b", r"\\:c", "::d", "%", "%s", ":v1", "é:f", " :g")
        for value in NASTY:
            bound = bind("SELECT {{ parameters.x }}, ':v1'", "sqlite", x=value)
            values = {name: given.text for name, given in bound.values.items()}
            assert tuple(connection.execute(text(bound.statement), values).one()) == (value, ":v1")


def test_around_a_query_comments_and_semicolons_go_and_within_it_every_byte_stays() -> None:
    inner = (
        "select\r\n a, -- it's {a} comment;\n\t`b;`, /* ; ' */ \"c\" FROM  t\n-- \\d\nWHERE d RLIKE '^\\\\d;$' LIMIT 5"
    )
    assert bind(f" \n-- first\n/* then */ {inner}\n ; -- last\n;; ").statement == inner


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("SELECT 1", ()),
        ("SELECT * FROM events", ("events",)),
        ("SELECT * FROM Lake.events e JOIN `users` u ON e.u = u.id, c.d.e", ("Lake.events", "c.d.e", "users")),
        ("WITH e AS (SELECT * FROM events) SELECT * FROM e", ("events",)),
        ("WITH events AS (SELECT * FROM events WHERE x) SELECT * FROM EVENTS", ("events",)),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM b", ("b",)),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x JOIN a ON true", ("a",)),
        ("WITH a AS (SELECT 1) SELECT * FROM lake.a", ("lake.a",)),
        ("SELECT (SELECT max(x) FROM u) FROM t WHERE y IN (SELECT y FROM v) UNION ALL SELECT z FROM w", ("t", "u", "v", "w")),
        ("SELECT e.a, x FROM t LATERAL VIEW explode(t.b) e AS x", ("t",)),
        ("SELECT /*+ BROADCAST(u) */ * FROM t JOIN u USING (id)", ("t", "u")),
    ],
)  # fmt: skip
def test_the_tables_of_a_query_are_known(query: str, tables: tuple[str, ...]) -> None:
    assert bind(query).tables == tables


@pytest.mark.parametrize(
    ("query", "time_bound", "ordered"),
    [
        ("SELECT * FROM t", False, False),
        ("SELECT * FROM t WHERE ts < {{ as_of }} ORDER BY ts", True, True),
        ("SELECT * FROM t WHERE dt BETWEEN {{ interval_start | ds }} AND {{ interval_end | ds }}", True, False),
        ("SELECT * FROM t WHERE x < {{ parameters.x }}", False, False),
        ("SELECT {{ as_of }} AS now FROM t", False, False),
        ("SELECT * FROM t ORDER BY {{ as_of }}", False, True),
        ("SELECT * FROM t JOIN u ON t.a = u.a AND u.ts < {{ as_of }}", True, False),
        ("SELECT * FROM t JOIN (SELECT {{ as_of }} AS b) u ON t.a = u.a", False, False),
        ("SELECT a, max(ts) FROM t GROUP BY a HAVING max(ts) < date_sub({{ as_of }}, 1)", True, False),
        ("SELECT * FROM (SELECT * FROM t WHERE ts < {{ as_of }} ORDER BY ts LIMIT 5) u", True, False),
        ("WITH u AS (SELECT * FROM t WHERE NOT (ts >= {{ as_of }} OR b)) SELECT * FROM u", True, False),
        ("SELECT * FROM t TIMESTAMP AS OF {{ as_of }}", True, False),
        ("SELECT a FROM t UNION SELECT a FROM u ORDER BY a", False, True),
        ("(SELECT a FROM t ORDER BY a)", False, True),
        ("SELECT a FROM t SORT BY a", False, False),
        ("SELECT row_number() OVER (ORDER BY a) FROM t", False, False),
    ],
)
def test_it_is_known_whether_a_query_is_bound_in_time_and_ordered(query: str, time_bound: bool, ordered: bool) -> None:
    bound = bind(query, x=5)
    assert (bound.time_bound, bound.ordered) == (time_bound, ordered)


@pytest.mark.parametrize(
    "query",
    [
        "", " ", ";", "-- SELECT 1", "DROP TABLE t", "INSERT INTO t SELECT 1", "INSERT OVERWRITE TABLE t SELECT 1",
        "CREATE TABLE u AS SELECT * FROM t", "TRUNCATE TABLE t", "ALTER TABLE t RENAME TO u", "SET x=1", "USE lake",
        "ADD JAR /x.jar", "LOAD DATA INPATH '/x' INTO TABLE t", "DELETE FROM t", "UPDATE t SET a = 1", "EXPLAIN SELECT 1",
        "DESCRIBE t", "SHOW TABLES", "dfs -ls /", "TABLE t", "VALUES (1)", "GRANT ALL ON t TO u", "CALL p()", "EXECUTE x",
        "WITH q AS (SELECT 1) INSERT INTO t SELECT * FROM q", "FROM t INSERT OVERWRITE TABLE u SELECT a",
        "WITH q AS (SELECT 1 AS a) FROM q INSERT INTO TABLE t SELECT a", "FROM t SELECT a",
        "SELECT 1; DROP TABLE t", "SELECT 1; SELECT 2", ";SELECT 1; DROP TABLE t", "SELECT 1;;\nDROP TABLE t;",
        "SELECT ';'; DROP TABLE t", "SELECT 1 -- '\n; DROP TABLE t -- '", "SELECT 1 /* ' */; DROP TABLE t /* ' */",
        "SELECT 'a\\'; DROP TABLE t; --'; DROP TABLE t", "SELECT 'a\\\\'; DROP TABLE t; --'",
        "SELECT \"a'\"; DROP TABLE t; --'", "SELECT `a'`; DROP TABLE t; --'", "SELECT `a```; DROP TABLE t; --`",
        "SELECT 'a''; DROP TABLE t; --'''; DROP TABLE t",
        "SELECT TRANSFORM(a) USING 'sh -c id' AS (b) FROM t", "SELECT * FROM (FROM t MAP a USING 'sh') u",
        "SELECT a, b FROM (SELECT TRANSFORM(a)\nUSING /* x */ 'sh' FROM t) u",
        "SELECT reflect('java.lang.Runtime', 'getRuntime')", "SELECT REFLECT2(a, 'b')", "SELECT java_method ('a', 'b')",
        "SELECT `reflect`('a', 'b')", "SELECT default.reflect('a')", "SELECT in_file('a', '/etc/passwd')",
        "SELECT reflect/* x */('a')", "SELECT * FROM IDENTIFIER('a' || 'b')", "SELECT 1 INTO u",
        "SELECT * FROM libsvm.events", "SELECT * FROM `org.apache.spark.sql.parquet`.events",
        "SELECT * FROM parquet.`/data/x`", "SELECT * FROM `text`.`passwd`", "SELECT * FROM `csv`.`file:///etc/passwd`",
        "SELECT * FROM `org.apache.spark.sql.execution.datasources.text`.`/etc/passwd`",
        "SELECT * FROM t WHERE a = 'b", 'SELECT "a', "SELECT `a", "SELECT 'a\\'", "SELECT /* a", "SELECT /*+ a", "SELECT 1 */",
        "SELECT '${hiveconf:x}'", "SELECT ${env:HOME}", "SELECT a -- ${x}\nFROM t", "SELECT $x", "SELECT @x", "SELECT ?",
        "SELECT /* a /* b */ c */ 1", "SELECT /* a /* */ 1 -- */", "SELECT 1 -- a \\\n, 2", "SELECT -- a\r 1 FROM t\n",
        "SELECT /*!50000 1 */", "SELECT /*+ a'b */ 1", "SELECT /*+ a */ 1 /*+ ; */ /*+ ' */",
        "SELECT r'a\\', ' FROM t", 'SELECT R"a" FROM t', "SELECT a\\b FROM t",
        "SELECT\u00a01", "SELECT\u200b1", "SELECT\x0b1", "SELECT\x001", "SELECT 1\u2028", "\ufeffSELECT 1",
        "SELECT {% if x %} 1", "SELECT {# x #} 1", "SELECT a, FROM t", "SELECT a FROM FROM t", "SELECT /* a */ FROM t", "SELECT (((", "SELECT FROM WHERE", "SELECT " + "(" * 5000 + ")" * 5000,
        "SELECT '" + "x" * 100_000 + "'",
    ],
)  # fmt: skip
def test_what_is_not_plainly_one_select_that_reads_is_refused(query: str) -> None:
    refusal(query)


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("postgres", "SELECT * INTO u FROM t"), ("postgres", "SELECT * FROM t FOR UPDATE"),
        ("postgres", "SELECT * FROM t FOR KEY SHARE"), ("postgres", "COPY t TO '/x'"), ("postgres", "TABLE t"),
        ("postgres", "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d"),
        ("postgres", "WITH d AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM d"),
        ("postgres", "SELECT pg_read_file('/etc/passwd')"), ("postgres", 'SELECT pg_catalog."pg_read_file"(\'x\')'),
        ("postgres", "SELECT lo_import('/etc/passwd')"), ("postgres", "SELECT * FROM dblink('x', 'y') AS d(a int)"),
        ("postgres", "SELECT query_to_xml('DELETE FROM t', true, true, '')"), ("postgres", "SELECT pg_sleep(9)"),
        ("postgres", "SELECT set_config('a', 'b', false)"), ("postgres", "SELECT nextval('s')"),
        ("postgres", "SELECT $$a$$"), ("postgres", "SELECT $a$; DROP TABLE t; $a$"), ("postgres", "SELECT $1"),
        ("postgres", "SELECT U&'\\0027'"), ("postgres", 'SELECT U&"a"'), ("postgres", "SELECT 'a\\'; DROP TABLE t; --'"),
        ("postgres", "SELECT E'a'\n'\\'; DROP TABLE t; --'"), ("postgres", "SELECT E'a\\'; DROP TABLE t"),
        ("postgres", "SELECT 1; DROP TABLE t"), ("postgres", "SELECT /* /* */ 1; DROP TABLE t -- */ */"),
        ("mysql", "SELECT 1 INTO OUTFILE '/x'"), ("mysql", "SELECT a INTO DUMPFILE '/x' FROM t"),
        ("mysql", "SELECT 1 INTO @x"), ("mysql", "SELECT LOAD_FILE('/etc/passwd')"), ("mysql", "SELECT sleep (9)"),
        ("mysql", "SELECT BENCHMARK(9, 1)"), ("mysql", "SELECT get_lock('a', 1)"), ("mysql", "SELECT @@version"),
        ("mysql", "SELECT @x := 1"), ("mysql", "SELECT 1 /*! INTO OUTFILE '/x' */"), ("mysql", "SELECT /*!1*/"),
        ("mysql", "SELECT /*M! 1 */ 2"), ("mysql", "SELECT /*+ SET_VAR(a = 1) */ 1"), ("mysql", "SELECT 'a\\'b'"),
        ("mysql", "SELECT 'a\\'; DROP TABLE t; --'"), ("mysql", 'SELECT "a\\" FROM t -- "'),
        ("mysql", "SELECT * FROM t LOCK IN SHARE MODE"), ("mysql", "SELECT * FROM t FOR UPDATE"), ("mysql", "SELECT ?"),
        ("mysql", "SELECT 1 # a\n; DROP TABLE t"), ("mysql", "HANDLER t OPEN"), ("mysql", "DO sleep(1)"),
        ("sqlite", "ATTACH '/x' AS y"), ("sqlite", "PRAGMA writable_schema = 1"), ("sqlite", "VACUUM INTO '/x'"),
        ("sqlite", "SELECT load_extension('/x')"), ("sqlite", "SELECT writefile('/x', 'y')"), ("sqlite", "SELECT :x"),
        ("sqlite", "SELECT ?1"), ("sqlite", "SELECT $x"), ("sqlite", "SELECT @x"), ("sqlite", "SELECT [a"),
        ("sqlite", "SELECT 'a\\'; DROP TABLE t; --'"), ("sqlite", "SELECT [a'b]; DROP TABLE t; --'"),
        ("sqlite", "REPLACE INTO t VALUES (1)"), ("sqlite", "SELECT 1; SELECT 2"),
    ],
)  # fmt: skip
def test_other_databases_have_their_own_ways_out_which_are_refused(dialect: Dialect, query: str) -> None:
    refusal(query, dialect)


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("hive", "SELECT transform(a, x -> x + 1), a[0], m['k'], s.f, CAST(b AS DECIMAL(10, 2)), X'1F' FROM t"),
        ("hive", "SELECT 'a' 'b', 'it''s', 'it\\'s', \"q\", date'2026-01-01', INTERVAL 1 DAY, b <=> c FROM t"),
        ("hive", "SELECT a FROM t TABLESAMPLE (5 PERCENT) s WHERE a RLIKE '^\\\\d+$' DISTRIBUTE BY a SORT BY b DESC"),
        ("hive", "SELECT a, `date`, `insert`, `über` FROM t -- it's; fine"),
        ("postgres", "SELECT a->>'b', c ? 'd', e @> '{}'::jsonb, E'it\\'s', b'1', a ~ '^\\d', array_agg(x ORDER BY y) FROM t"),
        ("postgres", "SELECT DISTINCT ON (a) a, count(*) FILTER (WHERE b) FROM t GROUP BY 1 /* it's */"),
        ("mysql", "SELECT `a`, \"b\", 'it''s', 'c:\\\\d', x'1f', 1 --1\nFROM t # it's\n WHERE a REGEXP 'b' LIMIT 5, 10"),
        ("sqlite", "SELECT [a b], \"c\"\"d\", `e`, 'it''s', 'back\\slash' FROM t WHERE a GLOB 'b*' -- it's"),
    ],
)  # fmt: skip
def test_what_plainly_reads_is_taken(dialect: Dialect, query: str) -> None:
    assert bind(query, dialect).tables == ("t",)


@pytest.mark.parametrize(
    "query",
    ["SELECT '{{ parameters.x }}'", 'SELECT "{{ parameters.x }}"', "SELECT `{{ parameters.x }}`", "SELECT 'a {{ as_of }}",
     "SELECT 1 -- {{ parameters.x }}", "SELECT 1 /* {{ parameters.x }} */", "SELECT /*+ {{ parameters.x }} */ 1",
     "SELECT a{{ parameters.x }}", "SELECT {{ parameters.x }}a", "SELECT {{ parameters.x }}{{ parameters.x }}",
     "SELECT 'a'{{ parameters.x }}", "SELECT {{ parameters.x }}'a'", "SELECT r{{ parameters.x }}", "SELECT 1.{{ parameters.x }}",
     "SELECT * FROM {{ parameters.x }}", "SELECT * FROM lake.{{ parameters.x }}", "SELECT 1 AS {{ parameters.x }}",
     "{{ parameters.x }}", "SELECT {{ parameters.x", "SELECT {{ nope }}", "SELECT {{ as_of | nope }}", "SELECT {{{ as_of }}}",
     "SELECT {{ parameters.x }}/* a */", "SELECT :{{ parameters.x }}", "SELECT @{{ parameters.x }}"],
)  # fmt: skip
@pytest.mark.parametrize("dialect", ["hive", "postgres", "mysql", "sqlite"])
def test_a_template_is_one_value_that_stands_alone(dialect: Dialect, query: str) -> None:
    refusal(query, dialect, x="' OR 1=1 --")


def test_a_refusal_says_where_and_what_to_do() -> None:
    quoted = refusal("SELECT *\nFROM t WHERE dt = '{{ as_of | ds }}'")
    assert "line 2, column 20" in quoted
    assert "without quotes" in quoted
    assert "line 2, column 2" in refusal("SELECT 1\n ; DROP TABLE t")
    assert "${…}" in refusal("SELECT '${x}'")
    assert "at line 3" in refusal("SELECT a\nFROM t\nWHERE )")
    assert "no Jinja" in refusal("SELECT a FROM t {% if parameters.x %} WHERE ts < {{ as_of }} {% endif %}")


def test_a_query_that_only_names_what_the_platform_parses_with_is_as_any_other() -> None:
    bound = bind("SELECT 'value0' FROM value WHERE a = {{ parameters.x }} AND 'value_0' < b", x="value__0")
    assert bound.statement == "SELECT 'value0' FROM value WHERE a = 'value__0' AND 'value_0' < b"
    assert (bound.tables, bound.time_bound) == (("value",), False)


@pytest.mark.parametrize(
    ("definitions", "rest"),
    [
        ("", "SELECT '(' FROM t"),
        ("WITH a AS (SELECT 1) ", "SELECT * FROM a"),
        ("with a AS (SELECT 1)", "select * FROM a"),
        ("WITH a (x, y) AS (SELECT ')', \")\"), `b)` AS (SELECT 1 -- )\n) -- SELECT\n", "SELECT * FROM a"),
        ("WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) ", "(SELECT * FROM a) UNION ALL (SELECT 2)"),
        ("WITH `a` AS (SELECT '\\u0024{x}') /* SELECT */ ", "SELECT '\\u0024{y}', (SELECT 1) FROM a"),
        ("", "(WITH a AS (SELECT 1) SELECT * FROM a)"),
    ],
)
def test_with_is_told_from_its_select_without_a_byte_changed(definitions: str, rest: str) -> None:
    assert split_with(bind(definitions + rest).statement) == (definitions, rest)


def test_a_real_server_reads_every_value_as_what_it_was(hive_server: HiveServer) -> None:
    texts = {f"x{place}": value for place, value in enumerate(NASTY)}
    asked = ", ".join(f"{{{{ parameters.{name} }}}} AS {name}" for name in texts)
    assert hive_server.execute(bind(f"SELECT {asked}", **texts).statement) == [NASTY]
    asked = "SELECT {{ as_of }}, typeof({{ as_of }}), {{ as_of | date }}, {{ parameters.l }}, {{ parameters.d }}, "
    asked += "typeof({{ parameters.d }}), {{ parameters.t }}, {{ parameters.n }}, 3 -{{ parameters.s }}"
    statement = bind(asked, l=-(2**63) + 1, d=-0.1, t=True, n=None, s=-5).statement
    (row,) = hive_server.execute(f"SELECT * FROM (\n{statement}\n) q")
    moment, kind, day, whole, part, part_kind, yes, none, eight = row
    assert (kind, part_kind) == ("timestamp", "double")
    assert (str(moment).removesuffix("+00:00"), str(day)) == ("2026-11-20 04:05:06.000007", "2026-11-20")
    assert (whole, part, yes, none, eight) == (-(2**63) + 1, -0.1, True, None, 8)
