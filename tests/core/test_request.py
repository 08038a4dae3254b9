from __future__ import annotations

from typing import Any

import pytest
from hostile import TEXTS, VALUES, replaced

from verbatim.errors import RequestError, UserFault
from verbatim.request import RunRequest, parse_request

CODE = "https://git.example/team/churn.git"


def problem_of(**conf: Any) -> tuple[str, str, str]:
    """The field, the expectation and what came, of the conf's only problem."""
    with pytest.raises(RequestError) as raised:
        parse_request({"code": CODE, **conf})
    (problem,) = raised.value.problems
    return problem.field, problem.expected, problem.got


def test_the_least_conf_is_a_url() -> None:
    request = parse_request({"code": CODE})
    assert (request.code.url, request.code.ref, request.code.subdirectory) == (CODE, None, ".")
    assert request.experiment_name == "churn"
    assert request.resources.memory_bytes == 4 * 1024**3


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ssh://git@git.example/team/Churn_Model.git", "churn_model"),
        ({"url": CODE, "subdirectory": "models/fraud"}, "fraud"),
        ("/home/ada/my project/", "my-project"),
        ("/", "default"),
    ],
)
def test_an_experiment_without_a_name_is_called_after_its_code(code: Any, name: str) -> None:
    assert parse_request({"code": code}).experiment_name == name


def test_null_stands_for_not_given_but_not_for_the_model() -> None:
    request = parse_request({"code": CODE, "data": None, "seed": None, "model": None})
    assert (request.data, request.seed, request.model) == ({}, 42, None)
    assert parse_request({"code": CODE}).model is not None


def test_all_problems_are_told_at_once() -> None:
    conf = {"cod": CODE, "seed": "soon", "gates": [{"metric": "auc"}], "resources": {"memory": "-1g"}}
    with pytest.raises(RequestError) as raised:
        parse_request(conf)
    assert [problem.field for problem in raised.value.problems] == [
        "code",
        "gates.0",
        "resources.memory",
        "seed",
        "cod",
    ]
    assert str(raised.value).startswith("The conf has 5 problems (docs/conf.md describes every key):\n  - code: ")
    assert isinstance(raised.value, UserFault)


@pytest.mark.parametrize(
    ("conf", "problem"),
    [
        ({"code": 5}, ("code", "a URL or a directory, or an object with 'url', 'ref' and 'subdirectory'", "5")),
        ({"code": {"url": CODE, "ref": 3}}, ("code.ref", "text", "3")),
        ({"command": 5}, ("command", "text or a list of text", "5")),
        ({"command": ["python", 5]}, ("command", "text or a list of text", '["python", 5]')),
        ({"parameters": [1, 2]}, ("parameters", "an object", "[1, 2]")),
        ({"metrics": {}}, ("metrics", "a list", "{}")),
        ({"metrics": [{"name": "", "regex": "(x)"}]}, ("metrics.0.name", "text that is not empty", '""')),
        ({"seed": 1.5}, ("seed", "a whole number", "1.5")),
        ({"seed": -1}, ("seed", "a whole number of at least 0", "-1")),
        ({"seed": 2**32}, ("seed", "a whole number below 4294967296", "4294967296")),
        ({"resources": {"cpus": "many"}}, ("resources.cpus", "a number", '"many"')),
        ({"resources": {"cpus": float("inf")}}, ("resources.cpus", "a finite number", "Infinity")),
        ({"resources": {"gpus": None}}, ("resources.gpus", "a whole number", "null")),
        ({"promotion": "maybe"}, ("promotion", "'none', 'auto' or 'manual'", '"maybe"')),
        ({"as_of": "soon"}, ("as_of", "a moment such as 2026-01-31 or 2026-01-31T12:00:00Z", '"soon"')),
        ({"gates": [{"metric": "auc", "min": "high"}]}, ("gates.0.min", "a number", '"high"')),
        ({"data": {"t": {"file": {"uri": "lake"}}}},
         ("data.t.file.uri", "an absolute URI such as file:///data/lake/", '"lake"')),
        ({"data": {"t": {"s3": {"uri": "s3://lake/x/"}}}}, ("data.t.s3.connection", "a value", "nothing")),
        ({"data": {"t": {}}}, ("data.t", "exactly one of the sources 'file', 's3', 'hive' and 'sql'", "{}")),
        ({"validation": {"t": "suite.json"}},
         ("validation", "only channels that 'data' has (not so: t)", '{"t": "suite.json"}')),
        ({"model": {"destination": "s3://models/"}},
         ("model", "a 'connection' beside an s3:// destination", '{"destination": "s3://models/"}')),
    ],
)  # fmt: skip
def test_a_problem_names_the_field_what_was_expected_and_what_came(
    conf: dict[str, Any], problem: tuple[str, ...]
) -> None:
    assert problem_of(**conf) == problem


@pytest.mark.parametrize("memory", ["-4g", "lots", "4x", "0", 4, "31m", True, ["4g"]])
def test_memory_that_no_container_could_have_is_a_problem(memory: Any) -> None:
    field, _, _ = problem_of(resources={"memory": memory})
    assert field == "resources.memory"


@pytest.mark.parametrize("name", ["Churn", "-x", "", "a" * 64, "churn\n", "../x"])
def test_a_name_that_could_not_be_a_path_or_a_key_is_a_problem(name: str) -> None:
    field, expected, _ = problem_of(experiment=name)
    assert (field, expected.split(",")[0]) == ("experiment", "lower-case letters")
    assert problem_of(data={name: {"file": {"uri": "file:///x/"}}})[0] == f"data.{name}"


def test_an_unknown_key_comes_with_the_nearest_that_is_known() -> None:
    with pytest.raises(RequestError, match=r"'metrcs'\. Did you mean 'metrics'\?"):
        parse_request({"code": CODE, "metrcs": []})
    with pytest.raises(RequestError, match=r"code\.tag: expected a known key.* Known here: url, ref, subdirectory"):
        parse_request({"code": {"url": CODE, "tag": "v1"}})


@pytest.mark.parametrize("url", ["--upload-pack=touch /tmp/x", "-oProxyCommand=x", "https://h/x\n--x"])
def test_a_url_or_ref_is_never_an_option(url: str) -> None:
    assert problem_of(code={"url": url})[0] == "code.url"
    assert problem_of(code={"url": CODE, "ref": url})[0] == "code.ref"


def test_a_credential_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(RequestError, match="without a user or password") as raised:
        parse_request({"code": "https://ada:geheim@git.example/x.git"})
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("path", ["../other", "/etc", "a/../../b"])
def test_a_path_in_the_code_stays_in_the_code(path: str) -> None:
    assert problem_of(code={"url": CODE, "subdirectory": path})[0] == "code.subdirectory"
    data = {"t": {"file": {"uri": "file:///x/"}}}
    assert problem_of(data=data, validation={"t": path})[0] == "validation.t.suite"


@pytest.mark.parametrize("regex", ["(", "no group"])
def test_a_metric_needs_a_regular_expression_with_a_group(regex: str) -> None:
    assert problem_of(metrics=[{"name": "auc", "regex": regex}])[0] == "metrics.0.regex"


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": {"b": float("-inf")}}])
def test_a_parameter_that_json_does_not_have_is_a_problem(value: Any) -> None:
    assert problem_of(parameters={"rate": value})[0] == "parameters"


def test_a_conf_that_is_no_object_is_a_problem() -> None:
    with pytest.raises(RequestError, match=r"conf: expected a JSON object; got \[1\]"):
        parse_request([1])  # type: ignore[arg-type]


def test_a_long_value_is_shown_shortened() -> None:
    _, _, got = problem_of(parameters=["x" * 1000])
    assert len(got) == 120
    assert got.endswith("…")


def test_a_request_survives_its_own_json() -> None:
    request = parse_request({"code": CODE, "as_of": "2026-01-31", "parameters": {"a": [1, None, {"b": True}]}})
    assert RunRequest.model_validate_json(request.canonical()) == request


@pytest.mark.parametrize(
    ("conf", "field"),
    [
        ({"resources": {"timeout": "1000000000000d"}}, "resources.timeout"),
        ({"resources": {"timeout": "36526d"}}, "resources.timeout"),
        ({"resources": {"memory": "9" * 400}}, "resources.memory"),
        ({"resources": {"memory": 10**5000}}, "resources.memory"),
        ({"resources": {"cpus": 10**400}}, "resources.cpus"),
        ({"retention": {"rejected": "9999999d"}}, "retention.rejected"),
        ({"seed": 10**5000}, "seed"),
        ({"as_of": "0001-01-01T00:00:00+14:00"}, "as_of"),
        ({"environment": {"as_of": "9999-12-31T23:59:59-14:00"}}, "environment.as_of"),
        ({"metrics": [{"name": "auc", "regex": "(a{99999999999999})"}]}, "metrics.0.regex"),
        ({"metrics": [{"name": "auc", "regex": "(" * 3000 + ")" * 3000}]}, "metrics.0.regex"),
        ({"data": {"t": {"file": {"uri": "file:///a%00b"}}}}, "data.t.file.uri"),
        ({"data": {"t": {"file": {"uri": "file:///a/%2e%2e/b"}}}}, "data.t.file.uri"),
        ({"model": {"destination": "file:///a/../b"}}, "model.destination"),
        ({"code": "/a/../b"}, "code.url"),
        ({"code": "https://["}, "code.url"),
        ({"code": "https://h/" + "x" * 5000}, "code.url"),
        ({"command": "a\0b"}, "command"),
        ({"command": ["a", "\ud800"]}, "command.1"),
        ({"parameters": {"a": {"b": ["\ud800"]}}}, "parameters.a.b.0"),
        ({"parameters": {"a": {"\udcff": 1}}}, "parameters.a"),
        ({"parameters": {"a": 10**5000}}, "parameters.a"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_beyond_all_bounds_is_a_problem_of_its_field(conf: dict[str, Any], field: str) -> None:
    assert problem_of(**conf)[0] == field


def test_no_hostile_value_anywhere_in_a_conf_makes_reading_it_crash() -> None:
    conf = {
        "experiment": "churn",
        "code": {"url": CODE, "ref": "main", "subdirectory": "."},
        "command": ["python", "train.py"],
        "parameters": {"a": 1, "b": {"c": [1]}},
        "data": {"a": {"file": {"uri": "file:///x/"}}, "b": {"s3": {"uri": "s3://x/", "connection": "lake"}}},
        "as_of": "2026-01-31",
        "validation": {"a": "suite.json"},
        "metrics": [{"name": "auc", "regex": "(.*)"}],
        "evaluation": {"command": "x"},
        "gates": [{"metric": "auc", "min": 0.5, "max": 1}],
        "model": {"name": "churn", "destination": "s3://x/", "connection": "models"},
        "promotion": "none",
        "resources": {"cpus": 1, "memory": "4g", "gpus": 0, "timeout": "1h"},
        "environment": {"as_of": "now"},
        "seed": 1,
        "retention": {"rejected": "30d"},
    }
    parse_request(conf).canonical()
    read = 0
    for hostile in (*VALUES, *replaced(conf, (*TEXTS, *VALUES))):
        try:
            request = parse_request(hostile)
        except RequestError as error:
            str(error).encode()
        else:
            assert RunRequest.model_validate_json(request.canonical()) == request
            assert request.resources.memory_bytes < 2**63
            assert request.experiment_name
            read += 1
    assert read, "some of the values are fine at some places"
