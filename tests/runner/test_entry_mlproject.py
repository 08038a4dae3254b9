"""MLflow projects: entry points, typed parameters, and the commands that come of them, really run."""

from __future__ import annotations

import json

import pytest
from runner.conftest import Ground, served

from verbatim.errors import UserFault
from verbatim.stage import PrepareOutputs, StageResult, TrainOutputs
from verbatim_runner.entry import find_entry
from verbatim_runner.project import Project

PROJECT = """
name: churn
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      data: path
      alpha: {type: float, default: 0.5}
      note: {type: string, default: "plain"}
      source: {type: uri, default: "https://example.org/x"}
      l1: {default: 0.1}
      flag: {type: string, default: true}
    command: |
      echo '{{braces}}' "$HOME" > /dev/null
      python fit.py --data {data} --alpha {alpha} --note {note} --flag {flag}
  evaluate:
    command: "python evaluate.py"
  broken:
"""
FILES = {"MLproject": PROJECT, "python_env.yaml": "dependencies: []\n", "fit.py": "", "data.csv": "1,2\n"}
SEEN = "import json, os, sys\njson.dump(sys.argv[1:], open(os.environ['VERBATIM_OUTPUT_DIR'] + '/argv.json', 'w'))\n"


@pytest.fixture
def entry_of(write_tree):
    """Write an MLflow project and find out how it is started."""

    def find(text=PROJECT, *, parameters=None, **options):
        files = {**FILES, "MLproject": text} | options.pop("files", {})
        parameters = {"data": "data.csv"} if parameters is None else parameters
        return find_entry(Project(tree := write_tree(files), tree, parameters=parameters, **options))

    return find


def run_project(ground: Ground, directory, conf) -> StageResult:
    code = ground.store_directory(directory)
    conf = {"model": None, **conf}
    prepared = ground.run(ground.request("prepare", conf, code))
    assert isinstance(prepared.outputs, PrepareOutputs), prepared.error
    return ground.run(ground.request("train", conf, code, inputs={"prepare": prepared}))


def argv_of(ground: Ground, result: StageResult) -> list[str]:
    assert isinstance(result.outputs, TrainOutputs), result.error
    (seen,) = [file for file in result.outputs.artifacts if file.path.endswith("argv.json")]
    return json.loads(ground.store.get_blob(seen.sha256))


def test_the_main_entry_point_becomes_a_command_with_its_defaults(entry_of):
    entry = entry_of(parameters={"data": "data.csv", "depth": 3})
    assert entry.argv[:2] == ("bash", "-c")
    assert entry.argv[2] == (
        "echo '{braces}' \"$HOME\" > /dev/null\n"
        "python fit.py --data {parameters.data} --alpha {parameters.alpha} --note {parameters.note} "
        "--flag {parameters.flag} --depth {parameters.depth}"
    )
    assert entry.defaults == {"alpha": 0.5, "note": "plain", "source": "https://example.org/x", "l1": 0.1, "flag": True}
    assert (entry.paths, entry.declared_in, entry.appends_parameters) == (("data",), "python_env.yaml", False)


def test_the_only_entry_point_is_the_main_one(entry_of):
    assert entry_of("entry_points: {train: {command: make it}}\n").argv == (
        "bash",
        "-c",
        "make it --data {parameters.data}",
    )


def test_several_entry_points_without_a_main_one_are_listed(entry_of):
    with pytest.raises(UserFault) as caught:
        entry_of("entry_points: {load: {command: a}, fit: {command: b}}\n")
    assert '"entry_point": "load"' in caught.value.message
    assert '"entry_point": "fit"' in caught.value.message


def test_a_file_without_entry_points_only_says_where_the_dependencies_are(entry_of):
    entry = entry_of("name: x\nconda_env: my.yaml\n", files={"train.py": "", "my.yaml": ""})
    assert (entry.argv, entry.declared_in) == (("python", "train.py"), "my.yaml")


def test_mlflows_usual_environment_files_need_no_mention(entry_of):
    assert entry_of("entry_points: {main: {command: a}}\n").declared_in == "python_env.yaml"


def test_a_docker_environment_is_not_used_and_that_is_said(entry_of):
    entry = entry_of("docker_env: {image: mine}\nentry_points: {main: {command: a}}\n")
    assert "docker_env is not used" in entry.found_by
    assert entry.declared_in is None


@pytest.mark.parametrize(("parameters", "field", "said"), [
    ({}, "parameters.data", "data (path)"),
    ({"data": None}, "parameters.data", "data (path)"),
    ({"data": "x", "alpha": "much"}, "parameters.alpha", "a number"),
    ({"data": "x", "source": "somewhere"}, "parameters.source", "a URI"),
])  # fmt: skip
def test_a_parameter_that_is_missing_or_wrong_is_named(entry_of, parameters, field, said):
    with pytest.raises(UserFault) as caught:
        entry_of(parameters=parameters)
    assert caught.value.field == field
    assert said in caught.value.message


def test_parameters_may_be_placeholders_whatever_their_type(entry_of):
    entry_of(
        parameters={"data": "{files.train}", "alpha": "{parameters.other}", "source": "{channels.train}", "other": 1}
    )


@pytest.mark.parametrize(("text", "said"), [
    ("entry_points: {main: {command: 'a {b}'}}", "{b}"),
    ("entry_points: {main: {command: 'a }'}}", "template"),
    ("entry_points: [", "YAML"),
    ("conda_env: gone.yaml\nentry_points: {main: {command: a}}", "gone.yaml"),
    ("conda_env: ../../etc/passwd\nentry_points: {main: {command: a}}", "passwd"),
])  # fmt: skip
def test_a_file_that_is_wrong_says_what_is(entry_of, text, said):
    with pytest.raises(UserFault, match="MLproject") as caught:
        entry_of(text)
    assert said in caught.value.message


def test_the_files_name_is_found_in_any_case(write_tree):
    tree = write_tree({"mlPROJECT": "entry_points: {main: {command: a}}\n"})
    assert "MLproject" in find_entry(Project(tree, tree)).found_by


def test_a_project_really_runs_with_its_values_quoted(ground, write_tree):
    directory = write_tree({**FILES, "fit.py": SEEN})
    parameters = {"data": "data.csv", "note": "it's $(id)", "max depth": "3; 4", "a.b": False}
    result = run_project(ground, directory, {"parameters": {k: v for k, v in parameters.items() if " " not in k}})
    argv = argv_of(ground, result)
    assert argv[1].endswith("/source/data.csv")
    assert argv[2:] == ["--alpha", "0.5", "--note", "it's $(id)", "--flag", "True", "--a.b", "False"]


def test_a_path_that_is_a_uri_is_fetched(ground, write_tree):
    directory = write_tree({**FILES, "fit.py": SEEN + "assert open(sys.argv[2]).read() == 'far\\n'\n"})
    with served(write_tree({"my data.csv": "far\n"})) as url:
        conf = {"parameters": {"data": f"{url}my%20data.csv?X-Signature=hunter2", "source": url}}
        argv = argv_of(ground, run_project(ground, directory, conf))
    assert argv[1].endswith("/input/parameters/data/my data.csv")


@pytest.mark.parametrize(("value", "said"), [
    ("s3://bucket/x.csv", "channel"),
    ("gone.csv", "that is there"),
    ("http://127.0.0.1:9/x?sign=hunter2", "127.0.0.1:9/x cannot be fetched: "),
])  # fmt: skip
def test_a_path_that_cannot_be_had_names_its_parameter_and_no_secret(ground, write_tree, value, said):
    result = run_project(ground, write_tree(FILES), {"parameters": {"data": value}})
    assert result.error.field == "parameters.data"
    assert said in result.error.message
    assert "hunter2" not in result.error.message


def test_a_path_that_a_server_does_not_have_is_the_confs_fault(ground, write_tree):
    with served(write_tree({})) as url:
        result = run_project(ground, write_tree(FILES), {"parameters": {"data": f"{url}x.csv"}})
    assert (result.error.kind, result.error.field) == ("user", "parameters.data")
    assert "404" in result.error.message
