"""How training is started: the rules, in their order, and what is said when none or several apply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from verbatim.errors import UserFault
from verbatim_runner.entry import find_entry
from verbatim_runner.project import Project

MAIN = "if __name__ == '__main__':\n    print('ran')\n"
SCRIPTS = '[project]\nname = "x"\n[project.scripts]\ntrain = "{}"\nother = "start:other"\n'
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
ML = "entry_points: {main: {command: 'python fit.py'}}\n"


@pytest.fixture
def entry_of(write_tree):
    """Write a project and find out how it is started."""

    def find(files, **conf):
        return find_entry(Project(tree := write_tree(files), tree, **conf))

    return find


@pytest.mark.parametrize(("files", "argv"), [
    ({"train.py": "", "helper.py": ""}, ("python", "train.py")),
    ({"main.py": ""}, ("python", "main.py")),
    ({"train.sh": ""}, ("bash", "train.sh")),
    ({"train.R": "", "other.R": ""}, ("Rscript", "train.R")),
    ({"train.R": "", "train.py": ""}, ("python", "train.py")),
    ({"churn/__init__.py": "", "churn/__main__.py": ""}, ("python", "-m", "churn")),
    ({"MLproject": ML, "train.py": ""}, ("bash", "-c", "python fit.py")),
])  # fmt: skip
def test_the_one_candidate_starts_training(entry_of, files, argv):
    assert entry_of(files).argv == argv


@pytest.mark.parametrize("files", [
    {"pyproject.toml": SCRIPTS.format("churn.start:Job.main"),
     "src/churn/__init__.py": "", "src/churn/start.py": "class Job:\n    main = staticmethod(lambda: print('ran'))\n"},
    {"pyproject.toml": SCRIPTS.format("start:main"), "start.py": "def main():\n    print('ran')\n"},
    {"pyproject.toml": "[tool.poetry.scripts]\ntrain = 'start:main'\n", "start.py": "def main():\n    print('ran')\n"},
    {"src/churn/__init__.py": "", "src/churn/__main__.py": MAIN},
    {"src/data.py": "", "src/train.py": "from .data import *\nprint('ran')\n"},
    {"src/data.py": "", "src/train.py": "from src.data import *\nprint('ran')\n"},
    {"jobs/data.py": "", "jobs/train.py": "from data import *\nprint('ran')\n"},
])  # fmt: skip
def test_what_would_need_an_installation_runs_from_its_place(write_tree, files):
    project = write_tree(files)
    entry = find_entry(Project(project, project))
    as_training = {**os.environ, "PYTHONPATH": str(project / "src")}
    done = subprocess.run(
        [sys.executable, *entry.argv[1:]], cwd=project, env=as_training, capture_output=True, text=True, check=True
    )
    assert done.stdout == "ran\n"


@pytest.mark.parametrize(("files", "argv"), [
    ({"pyproject.toml": SCRIPTS.format("train:main"), "train.py": ""}, None),
    ({"pyproject.toml": SCRIPTS.format("churn.start:main"), "churn/__main__.py": "", "churn/start.py": ""}, None),
    ({"train.sh": "python train.py --data x.csv\n", "train.py": ""}, ("bash", "train.sh")),
    ({"train.sh": "python -m churn\n", "churn/__main__.py": ""}, ("bash", "train.sh")),
    ({"Makefile": "data:\n\ttrue\ntrain: data\n\tpython main.py --fast\n", "main.py": ""}, ("make", "train")),
    ({"main.py": "from train import fit\n", "train.py": "def fit(): ...\n"}, ("python", "main.py")),
    ({"train.py": "import main\n", "main.py": "class Model: ...\n"}, ("python", "train.py")),
])  # fmt: skip
def test_what_another_candidate_calls_is_none_besides_it(entry_of, files, argv):
    entry = entry_of(files)
    assert entry.argv == argv if argv else "[project.scripts]" in entry.found_by


def test_two_that_call_each_other_are_both_candidates(entry_of):
    with pytest.raises(UserFault, match="2 ways"):
        entry_of({"train.py": "import main\n", "main.py": "import train\n"})


def test_several_candidates_are_listed_with_the_lines_that_decide(entry_of):
    files = {"train.py": "", "main.py": "", "train.sh": "", "churn/__main__.py": "", "Makefile": "train:\n\ttrue\n"}
    with pytest.raises(UserFault) as caught:
        entry_of(files)
    assert caught.value.field == "entry_point"
    lines = (
        '"entry_point": "train.py"',
        '"entry_point": "train.sh"',
        '"command": "python -m churn"',
        '"command": "make train"',
    )
    assert all(line in caught.value.message for line in lines)


def test_no_candidate_is_said_with_what_is_there(entry_of):
    with pytest.raises(UserFault) as caught:
        entry_of({"fit.py": "def fit(): ...\n", "data.csv": ""})
    assert '"entry_point": "fit.py"' in caught.value.message
    assert "data.csv" in caught.value.message


@pytest.mark.parametrize(("command", "argv", "appends"), [
    ("python fit.py --fast 'a b'", ("python", "fit.py", "--fast", "a b"), True),
    ("python fit.py --epochs {parameters.epochs}", ("python", "fit.py", "--epochs", "{parameters.epochs}"), False),
    ("python fit.py --data {channels.train}", ("python", "fit.py", "--data", "{channels.train}"), True),
    ("make data && python fit.py", ("sh", "-c", "make data && python fit.py"), False),
    (["python", "fit.py", "a && b"], ("python", "fit.py", "a && b"), True),
])  # fmt: skip
def test_the_confs_command_comes_first(entry_of, command, argv, appends):
    entry = entry_of({"MLproject": ML, "train.py": "", "main.py": ""}, command=command)
    assert (entry.argv, entry.appends_parameters) == (argv, appends)


@pytest.mark.parametrize("command", ["python 'fit.py", "   "])
def test_a_command_that_is_none_is_refused(entry_of, command):
    with pytest.raises(UserFault, match="command line"):
        entry_of({}, command=command)


@pytest.mark.parametrize(("name", "argv"), [
    ("jobs/fit.py", ("python", "jobs/fit.py")),
    ("fit.sh", ("bash", "fit.sh")),
    ("fit.R", ("Rscript", "fit.R")),
    ("evaluate", ("bash", "-c", "python evaluate.py")),
    ("other", ("python", "-c", "import sys; from start import other; sys.exit(other())")),
    ("fast", ("make", "fast")),
])  # fmt: skip
def test_the_entry_point_names_any_way_to_start(entry_of, name, argv):
    files = dict.fromkeys(("train.py", "jobs/fit.py", "fit.sh", "fit.R", "start.py"), "")
    files |= {"pyproject.toml": SCRIPTS.format("start:main"), "Makefile": ".PHONY: fast\nfast slow:\n\ttrue\nX := 1\n"}
    files["MLproject"] = f"{ML[:-2]}, evaluate: {{command: 'python evaluate.py'}}}}\n"
    assert entry_of(files, entry_point=name).argv == argv


@pytest.mark.parametrize("name", ["fit", "../outside.py", "-c", "jobs", "nul\0.py", "long" * 1000])
def test_an_entry_point_that_is_none_is_refused_with_those_that_are(entry_of, name):
    with pytest.raises(UserFault) as caught:
        entry_of({"train.py": "", "jobs/x.py": "", "Makefile": "clean:\n\ttrue\n", "MLproject": ML}, entry_point=name)
    assert caught.value.field == "entry_point"
    assert "(main, train.py, clean)" in caught.value.message


def test_a_file_that_is_no_script_is_not_started(entry_of):
    with pytest.raises(UserFault, match=r"expected a \.py, \.sh or \.R script"):
        entry_of({"data.csv": ""}, entry_point="data.csv")


def test_the_file_that_the_code_names_comes_before_all_that_is_found(entry_of):
    assert entry_of({"MLproject": ML, "train.py": "", "fit.py": ""}, file="fit.py").argv == ("python", "fit.py")


@pytest.mark.parametrize(("files", "program", "argv"), [
    ({"fit.py": "", "train.py": ""}, "fit.py", ("python", "fit.py")),
    ({"fit.py": "", "setup.py": ""}, "fit.py", ("python", "-m", "fit")),
    ({"jobs/fit.py": "", "setup.py": ""}, "jobs/fit.py", ("python", "jobs/fit.py")),
    ({"fit.sh": "", "setup.py": ""}, '"fit.sh"', ("bash", "fit.sh")),
])  # fmt: skip
def test_sagemakers_script_mode_runs_the_program(entry_of, files, program, argv):
    parameters = {"sagemaker_program": program, "sagemaker_submit_directory": "s3://b/x.tar.gz"}
    entry = entry_of(files, parameters=parameters)
    assert entry.argv == argv
    assert entry.appends_parameters


def test_a_program_that_is_not_in_the_code_is_a_fault_of_the_parameter(entry_of):
    with pytest.raises(UserFault, match=r"fit\.py") as caught:
        entry_of({"fit.py": ""}, parameters={"sagemaker_program": "other.py"})
    assert caught.value.field == "parameters.sagemaker_program"


def test_a_makefile_gets_parameters_as_variables(entry_of):
    entry = entry_of(
        {"Makefile": "train:\n\techo $(epochs)\n"}, parameters={"epochs": 3, "not-a-variable": 1, "a": "b c"}
    )
    assert entry.argv == ("make", "train", "a={parameters.a}", "epochs={parameters.epochs}")
    assert not entry.appends_parameters


@pytest.mark.parametrize(("files", "argv"), [
    ({"fit.py": MAIN, "model.py": "class Model: ...\n"}, ("python", "fit.py")),
    ({"fit.py": "import model\nmodel.fit()\n", "model.py": MAIN}, ("python", "fit.py")),
    ({"fit.py": "for x in range(3):\n    print(x)\n", "setup.py": "setup()\n", "test_fit.py": MAIN}, ("python", "fit.py")),
    ({"fit.py": "print 'of Python 2'\n", "download.sh": "true\n"}, ("python", "fit.py")),
    ({"fit.py": MAIN, "download_data.py": MAIN, "predict.py": MAIN, "app.py": MAIN}, ("python", "fit.py")),
    ({"run.sh": "python fit.py --data x.csv\n", "fit.py": MAIN}, ("bash", "run.sh")),
    ({"fit.R": "", "README.md": ""}, ("Rscript", "fit.R")),
    ({"train_model.py": MAIN, "predict.py": MAIN}, ("python", "train_model.py")),
    ({"app.py": MAIN, "src/train.py": "", "tests/train.py": "", ".x/train.py": ""}, ("python", "src/train.py")),
    ({"src/main.py": "", "docs/main.py": ""}, ("python", "src/main.py")),
])  # fmt: skip
def test_without_a_usual_name_the_one_that_can_be_meant_starts_training(entry_of, files, argv):
    assert entry_of(files).argv == argv


def test_scripts_that_could_all_be_meant_are_listed(entry_of):
    with pytest.raises(UserFault) as caught:
        entry_of({"simple.py": MAIN, "advanced.py": MAIN, "notes.ipynb": NOTEBOOK})
    assert '"entry_point": "simple.py"' in caught.value.message
    assert "notes.ipynb" not in caught.value.message


def test_a_script_whose_name_says_that_it_does_something_else_is_never_started_by_itself(entry_of):
    with pytest.raises(UserFault, match="nothing that starts training"):
        entry_of({"download_data.py": MAIN, "install.sh": "true\n"})


def test_a_single_notebook_starts_training(entry_of):
    entry = entry_of({"churn.ipynb": NOTEBOOK, "model.py": "class Model: ...\n"})
    assert entry.argv == ("python", "{places.notebook_program}", "churn.ipynb")
    assert entry.requires == ("papermill", "ipykernel")
    assert not entry.appends_parameters


@pytest.mark.parametrize(("content", "conf", "field", "said"), [
    ("{", {}, "code", "not readable"),
    ("[]", {}, "code", "no cells"),
    ('{"cells": [], "metadata": {"kernelspec": {"name": "ir", "language": "R"}}}', {}, "code", "written in R"),
    (NOTEBOOK, {"parameters": {"learning-rate": 1}}, "parameters.learning-rate", "variable"),
])  # fmt: skip
def test_a_notebook_that_cannot_be_executed_says_why(entry_of, content, conf, field, said):
    with pytest.raises(UserFault, match=said) as caught:
        entry_of({"a.ipynb": content}, file="a.ipynb", **conf)
    assert caught.value.field == field


@pytest.mark.parametrize("files", [
    {"train.sh": "set -e\npip install -r requirements.txt\npython fit.py\n"},
    {"train.py": "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'six'])\n"},
    {"train.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": ["!pip install six\n", "import six"]}]})},
    {"train.ipynb": json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "%pip install six"}]}]})},
])  # fmt: skip
def test_pip_is_there_for_what_calls_it(entry_of, files):
    assert "pip" in entry_of(files).requires


@pytest.mark.parametrize("files", [
    {"MLproject": "entry_points: {main: {parameters: {a: {default: 2020-13-45}}, command: x}}"},
    {"MLproject": "- a\n- list\n"},
    {"MLproject": "entry_points: [main]\n"},
    {"MLproject": "entry_points: {main: run}\n"},
    {"pyproject.toml": "tool = 1\nproject = 'x'\n"},
    {"pyproject.toml": "[project]\nscripts = ['train']\n"},
    {"pyproject.toml": "x = " + "[" * 5000},
    {"fit.py": "if " + "1+" * 50_000 + "1:\n    pass\n"},
    {"a.ipynb": '{"cells": 1, "worksheets": [1], "metadata": {"kernelspec": [], "language_info": 1}}'},
    {"a.ipynb": "[" * 100_000},
    {"Makefile": "train" * 100_000 + "\n\t" * 100_000},
])  # fmt: skip
def test_files_of_any_content_crash_nothing(entry_of, files):
    with suppress(UserFault):
        entry_of(files)
