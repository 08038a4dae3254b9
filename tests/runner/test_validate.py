"""validate, with the real Great Expectations."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verbatim.snapshot import Quarantine
from verbatim.stage import StageResult, ValidateOutputs

if TYPE_CHECKING:
    from runner.conftest import Ground

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries below Great Expectations

SUITE = {
    "name": "train",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 2}},
    ],
}


@pytest.fixture
def validate(ground: Ground, write_tree):
    """Extract a channel from files and judge it by a suite."""

    def call(
        suite: object,
        files: dict[str, str],
        *,
        path: str = "expectations/train.json",
        severity: str = "fail",
        try_number: int = 1,
    ) -> StageResult:
        text = suite if isinstance(suite, str) else json.dumps(suite)
        code = ground.store_directory(write_tree({"expectations/train.json": text}))
        asked = {"suite": path, "severity": severity}
        conf = {"data": {"train": {"file": {"uri": f"file://{write_tree(files)}/"}}}, "validation": {"train": asked}}
        extracted = ground.run(ground.request("extract", conf, code, try_number=try_number))
        inputs = {"extract": extracted}
        return ground.run(ground.request("validate", conf, code, inputs=inputs, try_number=try_number))

    return call


def suite_of(*expectations: dict) -> dict:
    return {"name": "train", "expectations": list(expectations)}


def test_data_that_meets_its_suite_passes(validate, ground):
    result = validate(SUITE, {"a.csv": "x,y\n1,2\n", "b.csv": "x,y\n3,4\n", "_SUCCESS": ""})
    assert isinstance(result.outputs, ValidateOutputs), result.error
    judged = result.outputs.results["train"]
    assert (judged.passed, judged.evaluated, judged.failed) == (True, 2, ())
    assert json.loads(ground.store.get_blob(judged.result.sha256))["success"] is True
    page = ground.store.get_blob(judged.data_docs.sha256).decode()
    assert "2 of 2 expectations met" in page
    assert "http" not in page


def test_data_that_met_the_same_suite_before_is_not_judged_again(validate):
    files = {"a.csv": "x,y\n1,2\n3,4\n"}
    first = validate(SUITE, files).outputs.results["train"]

    same = validate(SUITE, files, try_number=2).outputs.results["train"]
    stricter = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "max_value": 2}}
    other_suite = validate(suite_of(*SUITE["expectations"], stricter), files, try_number=3).outputs.results["train"]
    other_data = validate(SUITE, {"a.csv": "x,y\n1,2\n,4\n"}, try_number=4).outputs.results["train"]

    assert (first.reused, same.reused, other_suite.reused, other_data.reused) == (False, True, False, False)
    assert same.model_copy(update={"reused": False}) == first
    assert (other_suite.passed, other_data.passed) == (False, False)


def test_data_that_failed_is_judged_every_time(validate):
    files = {"a.csv": "x,y\n,2\n3,4\n"}
    results = [validate(SUITE, files, try_number=number) for number in (1, 2)]
    assert [result.error.kind for result in results] == ["expectation", "expectation"]
    assert not any(result.outputs.results["train"].reused for result in results)


def test_data_that_does_not_is_said_first_and_kept(validate, ground):
    result = validate(SUITE, {"a.csv": "x,y\n1,2\n,<b>\n"})
    assert (result.error.kind, result.error.field) == ("expectation", "validation.train")
    assert "expect_column_values_to_not_be_null on x: observed 1 of 2 values" in result.error.message
    judged = result.outputs.results["train"]
    assert (judged.failed[0].expectation, judged.failed[0].column) == ("expect_column_values_to_not_be_null", "x")
    assert "failed" in ground.store.get_blob(judged.data_docs.sha256).decode()


def test_a_column_that_is_not_there_fails_its_expectation(validate):
    result = validate(
        suite_of({"type": "expect_column_mean_to_be_between", "kwargs": {"column": "z", "min_value": 1}}),
        {"a.csv": "x\n1\n"},
    )
    assert result.error.kind == "expectation"
    assert '"z"' in result.error.message


def test_all_formats_are_read_as_one_frame(validate, ground, write_tree, tmp_path):
    suite = suite_of({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 5}},
                     {"type": "expect_column_sum_to_be_between", "kwargs": {"column": "x", "min_value": 15, "max_value": 15}})  # fmt: skip
    assert validate(suite, {"a.csv": "x\n1\n2\n", "b.jsonl": '{"x": 3}\n{"x": 4}\n{"x": 5}\n'}).state == "succeeded"


def test_parquet_is_read(validate, tmp_path, write_tree, ground):
    lake = write_tree({})
    pq.write_table(pa.table({"x": [1, None]}), lake / "a.parquet")
    code = ground.store_directory(write_tree({"s.json": json.dumps(SUITE)}))
    conf = {"data": {"train": {"file": {"uri": f"file://{lake}/"}}}, "validation": {"train": "s.json"}}
    extracted = ground.run(ground.request("extract", conf, code))
    result = ground.run(ground.request("validate", conf, code, inputs={"extract": extracted}))
    assert [failed.column for failed in result.outputs.results["train"].failed] == ["x"]


@pytest.mark.parametrize(("suite", "said"), [
    ("{nope", "JSON"),
    ([], "malformed"),
    ({"name": "x", "expectations": []}, "at least one"),
    (suite_of({"kwargs": {}}), 'no "type"'),
    (suite_of({"type": "expect_the_moon", "kwargs": {}}), "expect_the_moon"),
    (suite_of({"type": "expect_column_to_exist", "kwargs": {"colum": "x"}}), "colum"),
    (suite_of({"type": "expect_column_to_exist", "kwargs": {"column": "x"}, "bogus": 1}), "bogus"),
])  # fmt: skip
def test_a_malformed_suite_is_the_users_fault(validate, suite, said):
    result = validate(suite, {"a.csv": "x\n1\n"})
    assert (result.error.kind, result.error.field) == ("user", "validation.train")
    assert said in result.error.message


MARK = "@pd.core.frame.com.builtins.open('{}', 'w')"


@pytest.mark.parametrize("arguments", [
    {"row_condition": f"{MARK}.name == x", "condition_parser": "pandas"},
    {"row_condition": {"type": "pass_through", "pass_through_filter": f"x == {MARK}.name"}},
    {"row_condition": {"type": "comparison", "column": {"name": f"x` == {MARK}.name or `x"}, "operator": ">", "parameter": 0}},
    {"row_condition": {"type": "or", "conditions": [
        {"type": "nullity", "column": {"name": f"x` == {MARK}.name or `x"}, "is_null": True},
        {"type": "comparison", "column": {"name": "x"}, "operator": "==", "parameter": 1}]}},
    {"row_condition": "x.to_csv('{}') == 1", "condition_parser": "pandas"},
    {"row_condition": "x == 1\nx.to_csv('{}')", "condition_parser": "pandas"},
    {"row_condition": "((x", "condition_parser": "pandas"},
])  # fmt: skip
def test_a_suite_runs_no_code(validate, tmp_path, arguments):
    mark = tmp_path / "made"
    filled = json.loads(json.dumps(arguments).replace("{}", str(mark)))
    expectation = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x", **filled}}
    result = validate(suite_of(expectation), {"a.csv": "x\n1\n"})
    assert (result.error.kind, result.error.field) == ("user", "validation.train")
    assert "row_condition" in result.error.message
    assert not mark.exists()


@pytest.mark.parametrize("reference", [
    {"$ref": "{}"},
    {"properties": {"a": {"items": [{"$ref": "{}#/a"}]}}},
    {"properties": {"a": {"$id": "{}", "$ref": "#/b"}}},
])  # fmt: skip
def test_a_suite_reads_no_other_files(validate, tmp_path, reference):
    secret = tmp_path / "secret.json"
    secret.write_text('{"type": "object"}')
    schema = json.loads(json.dumps(reference).replace("{}", secret.as_uri()))
    kwargs = {"column": "x", "json_schema": schema}
    expectation = {"type": "expect_column_values_to_match_json_schema", "kwargs": kwargs}
    result = validate(suite_of(expectation), {"a.csv": 'x\n"{}"\n'})
    assert (result.error.kind, result.error.field) == ("user", "validation.train")
    assert "json_schema" in result.error.message


@pytest.mark.parametrize("arguments", [
    {"row_condition": "y == 'a@b.c' and `the x` in [1, 2] and not x.isnull()", "condition_parser": "pandas"},
    {"row_condition": "y.str.contains('@b', na=False) & (x + 1 > -2)", "condition_parser": "pandas"},
    {"row_condition": {"type": "comparison", "column": {"name": "the x"}, "operator": "IN", "parameter": [1, 3]}},
    {"row_condition": {"type": "comparison", "column": {"name": "y"}, "operator": "!=", "parameter": "it's \"@x\""}},
])  # fmt: skip
def test_conditions_that_compare_columns_are_evaluated(validate, arguments):
    expectation = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "x", "value_set": [1], **arguments},
    }
    assert validate(suite_of(expectation), {"a.csv": "x,the x,y\n1,1,a@b.c\n"}).state == "succeeded"


def test_a_schema_may_refer_to_itself(validate):
    schema = {"$id": "https://example.com/row", "$ref": "#/$defs/row", "$defs": {"row": {"type": "object"}}}
    kwargs = {"column": "x", "json_schema": schema}
    expectation = {"type": "expect_column_values_to_match_json_schema", "kwargs": kwargs}
    assert validate(suite_of(expectation), {"a.csv": 'x\n"{}"\n'}).state == "succeeded"


def test_a_suite_that_is_not_there_is_the_users_fault(validate):
    result = validate(SUITE, {"a.csv": "x\n1\n"}, path="expectations/tests.json")
    assert (result.error.kind, result.error.field) == ("user", "validation.train")


@pytest.mark.parametrize(("name", "content"), [("a.bin", "?"), ("a.jsonl", "{"), ("a.csv", "")])
def test_a_file_that_cannot_be_read_is_the_users_fault(validate, name, content):
    result = validate(SUITE, {name: content})
    assert (result.error.kind, result.error.field) == ("user", "validation.train")
    assert name in result.error.message


def test_the_failure_names_expectation_column_value_and_rows(validate, ground):
    between = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "age", "min_value": 0}}
    result = validate(suite_of(between), {"a.csv": "id,name,age\n1,Ada,36\n2,Bob,-1\n3,<i>Eve</i>,-2\n"})
    failed = result.outputs.results["train"].failed[0]
    assert failed.rows[0] == {"row": 2, "age": -1, "id": 2, "name": "Bob"}
    lines = result.error.message.splitlines()
    assert lines[:3] == [
        "the channel train does not meet 1 of 1 expectations:",
        "  - expect_column_values_to_be_between on age: observed 2 of 3 values, such as [-1, -2]",
        '      {"row": 2, "age": -1, "id": 2, "name": "Bob"}',
    ]
    page = ground.store.get_blob(result.outputs.results["train"].data_docs.sha256).decode()
    assert "2 of 3 values do not meet it, 66.7 %" in page
    assert "&lt;i&gt;Eve&lt;/i&gt;" in page
    assert "<i>" not in page


def test_failed_expectations_are_told_in_the_suites_order(validate):
    kinds = [
        "expect_column_values_to_be_between",
        "expect_column_max_to_be_between",
        "expect_column_values_to_be_in_set",
    ]
    bounds = [{"max_value": 0}, {"max_value": 0}, {"value_set": [0]}]
    suite = suite_of(
        *({"type": kind, "kwargs": {"column": "x", **bound}} for kind, bound in zip(kinds, bounds, strict=True))
    )
    result = validate(suite, {"a.csv": "x\n1\n"})
    assert [failed.expectation for failed in result.outputs.results["train"].failed] == kinds


def test_a_suite_that_only_warns_lets_the_run_go_on(validate, ground):
    for number in (1, 2):
        result = validate(SUITE, {"a.csv": "a,x,y\nk,1,2\nl,,3\n"}, severity="warn", try_number=number)
        assert result.state == "succeeded"
        judged = result.outputs.results["train"]
        assert (judged.passed, judged.reused, judged.failed[0].severity) == (True, number == 2, "warn")
        assert "expect_column_values_to_not_be_null on x: observed 1 of 2 values" in result.warnings[0]
        assert '{"row": 2, "x": null, "a": "l"' in result.warnings[0]
    assert ground.store.keys("indexes/quarantine") == []
    assert "warning" in ground.store.get_blob(judged.data_docs.sha256).decode()


@pytest.mark.parametrize("own", ["warning", "info"])
def test_an_expectation_may_be_of_less_weight_than_its_suite(validate, own):
    mild, hard = (
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "max_value": 2}} for _ in range(2)
    )
    mild["severity"] = own
    result = validate(suite_of(mild), {"a.csv": "x\n1\n3\n"})
    assert (result.state, result.outputs.results["train"].failed[0].severity) == ("succeeded", "warn")
    both = validate(suite_of(mild, hard), {"a.csv": "x\n1\n3\n"}, try_number=2)
    assert [failed.severity for failed in both.outputs.results["train"].failed] == ["fail", "warn"]
    assert "1 of 2 expectations" in both.error.message


def quarantine_in(ground: Ground) -> Quarantine:
    (key,) = ground.store.keys("indexes/quarantine")
    return ground.store.read(key, Quarantine)


def test_a_snapshot_that_fails_is_in_quarantine_until_it_meets_its_suite(validate, ground):
    files = {"a.csv": "x,y\n,2\n3,4\n"}
    result = validate(SUITE, files)
    note = quarantine_in(ground)
    assert (note.suite, note.channel, note.run_id) == ("expectations/train.json", "train", result.run_id)
    assert (note.failed, note.lifted_by) == (("expect_column_values_to_not_be_null on x",), None)

    validate(SUITE, files, severity="warn", try_number=2)
    assert quarantine_in(ground).lifted_by is None

    milder = suite_of(*SUITE["expectations"][1:])
    assert validate(milder, files, try_number=3).state == "succeeded"
    assert quarantine_in(ground).lifted_by == result.run_id


def test_a_suite_of_the_platforms_configuration_needs_no_code(ground, write_tree):
    suite = ground.store.put_bytes(json.dumps(SUITE).encode(), "train.json")
    lake = write_tree({"a.csv": "x\n1\n2\n"})
    conf = {
        "data": {"train": {"file": {"uri": f"file://{lake}/"}}},
        "validation": {"train": {"suite": "train.json", "location": "config"}},
    }
    extracted = ground.run(ground.request("extract", conf))
    request = ground.request("validate", conf, inputs={"extract": extracted})
    pinned = {"train": request.spec.validation["train"].model_copy(update={"content": suite.sha256})}
    spec = request.spec.model_copy(update={"validation": pinned})
    result = ground.run(request.model_copy(update={"spec": spec}))
    assert (result.state, result.outputs.results["train"].evaluated) == ("succeeded", 2)


@pytest.mark.parametrize("kind", ["unexpected_rows_expectation", "expect_column_values_to_match_like_pattern"])
def test_an_expectation_for_databases_is_refused_and_not_passed_over(validate, kind):
    arguments = {"unexpected_rows_query": "SELECT 1"} if kind.startswith("un") else {"column": "x", "like_pattern": "%"}
    result = validate(suite_of({"type": kind, "kwargs": arguments}), {"a.csv": "x\n1\n"})
    assert (result.error.kind, result.error.field) == ("user", "validation.train")
    assert f"({kind}) is for databases" in result.error.message


def test_validation_touches_no_network(tmp_path):
    script = """
import sys
def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        print("network:", event, arguments); sys.stdout.flush(); import os; os._exit(1)
sys.addaudithook(refuse)
import pandas
from verbatim_runner.validation.judge import judge
from verbatim_runner.validation.suite import build_suite
suite = build_suite({"name": "s", "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "x"}}]}, "s", field="f")
assert judge(pandas.DataFrame({"x": [1]}), suite)[0]["success"] is True
print("judged")
"""
    (tmp_path / "judge.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "judge.py"], capture_output=True, text=True, check=False)
    assert done.stdout == "judged\n", done.stdout + done.stderr
