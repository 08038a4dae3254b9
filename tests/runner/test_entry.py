"""How training is started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from verbatim.errors import UserFault
from verbatim_runner.entry import find_entry
from verbatim_runner.project import Project

MAIN = "if __name__ == '__main__':\n    print('ran')\n"


@pytest.mark.parametrize(("files", "argv"), [
    ({"train.py": "", "helper.py": ""}, ("python", "train.py")),
    ({"main.py": ""}, ("python", "main.py")),
    ({"train.sh": ""}, ("bash", "train.sh")),
    ({"churn/__init__.py": "", "churn/__main__.py": ""}, ("python", "-m", "churn")),
])  # fmt: skip
def test_the_one_candidate_starts_training(write_tree, files, argv):
    entry = find_entry(Project(tree := write_tree(files), tree))
    assert entry.argv == argv
    assert entry.appends_parameters


@pytest.mark.parametrize("files", [
    {"pyproject.toml": '[project]\nname = "x"\n[project.scripts]\ntrain = "churn.start:Job.main"\n',
     "src/churn/__init__.py": "", "src/churn/start.py": "class Job:\n    main = staticmethod(lambda: print('ran'))\n"},
    {"pyproject.toml": '[project]\nname = "x"\n[project.scripts]\ntrain = "start:main"\n', "start.py": "def main():\n    print('ran')\n"},
    {"src/churn/__init__.py": "", "src/churn/__main__.py": MAIN},
])  # fmt: skip
def test_what_would_need_an_installation_runs_from_its_place(write_tree, files):
    project = write_tree(files)
    entry = find_entry(Project(project, project))
    as_training = {**os.environ, "PYTHONPATH": str(project / "src")}
    done = subprocess.run(
        [sys.executable, *entry.argv[1:]], cwd=project, env=as_training, capture_output=True, text=True, check=True
    )
    assert done.stdout == "ran\n"


@pytest.mark.parametrize("called", ["train:main", "churn.start:main"])
def test_what_the_project_script_calls_is_no_candidate_besides_it(write_tree, called):
    files = {"pyproject.toml": f'[project]\nname = "x"\n[project.scripts]\ntrain = "{called}"\n'}
    files |= {"train.py": ""} if called.startswith("train") else {"churn/__main__.py": "", "churn/start.py": ""}
    assert "[project.scripts]" in find_entry(Project(tree := write_tree(files), tree)).found_by


def test_several_candidates_are_listed_with_the_line_that_decides(write_tree):
    with pytest.raises(UserFault) as caught:
        find_entry(Project(tree := write_tree({"train.py": "", "main.py": "", "train.sh": ""}), tree))
    assert caught.value.field == "command"
    assert all(
        name in caught.value.message for name in ("train.py", "main.py", "train.sh", '"command": "python train.py"')
    )


def test_no_candidate_is_said_with_what_is_there(write_tree):
    with pytest.raises(UserFault) as caught:
        find_entry(Project(tree := write_tree({"fit.py": "", "data.csv": ""}), tree))
    assert '"command": "python fit.py"' in caught.value.message
    assert "data.csv" in caught.value.message


@pytest.mark.parametrize(("command", "argv", "appends"), [
    ("python fit.py --fast 'a b'", ("python", "fit.py", "--fast", "a b"), True),
    ("python fit.py --epochs {parameters.epochs}", ("python", "fit.py", "--epochs", "{parameters.epochs}"), False),
    ("python fit.py --data {channels.train}", ("python", "fit.py", "--data", "{channels.train}"), True),
    ("make data && python fit.py", ("sh", "-c", "make data && python fit.py"), False),
    (["python", "fit.py", "a && b"], ("python", "fit.py", "a && b"), True),
])  # fmt: skip
def test_the_confs_command_comes_first(write_tree, command, argv, appends):
    entry = find_entry(Project(tree := write_tree({"train.py": "", "main.py": ""}), tree, command=command))
    assert (entry.argv, entry.appends_parameters) == (argv, appends)


@pytest.mark.parametrize("command", ["python 'fit.py", "   "])
def test_a_command_that_is_none_is_refused(write_tree, command):
    with pytest.raises(UserFault, match="command line"):
        find_entry(Project(tree := write_tree({}), tree, command=command))
