"""The interpreter and the system packages that projects demand."""

from __future__ import annotations

import pytest

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.environment.declared import find_python, find_system_packages
from verbatim_runner.project import Project

ENTRY = Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test")
SCRIPT = "# /// script\n# requires-python = '>=3.12'\n# dependencies = []\n# ///\n"


@pytest.mark.parametrize(("file", "text", "specifier"), [
    ("runtime.txt", "python-3.8.10\n", "==3.8.*"),
    ("runtime.txt", "r-4.1-2021-01-01\n", None),
    (".python-version", "# by pyenv\n3.9.18\n", "==3.9.*"),
    (".python-version", "pypy3.9-7.3.11\n", None),
    (".python-version", "my-virtualenv\n", None),
    ("pyproject.toml", "[project]\nname='x'\nrequires-python='>=3.9,<3.12'\n", "<3.12,>=3.9"),
    ("pyproject.toml", "[tool.poetry.dependencies]\npython='^3.8'\n", "<4,>=3.8"),
    ("pyproject.toml", "[tool.poetry.dependencies]\npython='3.8.5'\n", "==3.8.*"),
    ("pyproject.toml", "[tool.poetry.dependencies]\npython='*'\n", None),
    ("Pipfile", "[requires]\npython_version='3.7'\n", "==3.7.*"),
    ("Pipfile.lock", '{"_meta": {"requires": {"python_full_version": "3.7.4"}}}', "==3.7.*"),
    ("setup.cfg", "[options]\npython_requires = >=3.6\n", ">=3.6"),
    ("setup.py", "setup(python_requires='>=3.6')", ">=3.6"),
    ("conda.yaml", "dependencies: ['python>=3.6']\n", ">=3.6"),
    ("conda.yaml", "dependencies: [python=3.8.5=h7579374_1]\n", "==3.8.*"),
    ("conda.yaml", "dependencies: [python]\n", None),
    ("requirements.txt", "python==3.8\nsix\n", "==3.8.*"),
    ("uv.lock", "version = 1\nrequires-python = '>=3.11'\n", ">=3.11"),
    ("train.py", SCRIPT, ">=3.12"),
])  # fmt: skip
def test_every_file_that_names_an_interpreter_is_read(write_tree, file, text, specifier):
    project = write_tree({file: text})
    demand = find_python(Project(project, project), ENTRY)
    assert (demand.specifier if demand else None) == specifier


def test_the_version_that_a_tool_pins_comes_before_the_range_that_the_project_allows(write_tree):
    project = write_tree(
        {".python-version": "3.10\n", "pyproject.toml": "[project]\nname='x'\nrequires-python='>=3.8'\n"}
    )
    demand = find_python(Project(project, project), ENTRY)
    assert demand is not None
    assert (demand.specifier, demand.declared_by) == ("==3.10.*", ".python-version")


def test_the_root_of_the_code_may_name_the_interpreter(write_tree):
    root = write_tree({"runtime.txt": "python-3.9\n", "jobs/train.py": ""})
    demand = find_python(Project(root / "jobs", root), ENTRY)
    assert demand is not None
    assert demand.specifier == "==3.9.*"


def test_system_packages_are_read_from_the_project_or_the_root(write_tree):
    root = write_tree({"apt.txt": "# tools\ngraphviz  libgomp1\n\nlibstdc++6 # c++\n", "jobs/train.py": ""})
    assert find_system_packages(Project(root / "jobs", root)) == ("graphviz", "libgomp1", "libstdc++6")
    (root / "jobs/apt.txt").write_text("make\n")
    assert find_system_packages(Project(root / "jobs", root)) == ("make",)


@pytest.mark.parametrize("line", ["-o=Foo", "Graphviz", "x; rm -rf /", "a", "../x", "name=1.0"])
def test_a_line_that_names_no_debian_package_is_named(write_tree, line):
    project = write_tree({"apt.txt": f"make\n{line}\n"})
    with pytest.raises(UserFault, match=r"line 2 of apt\.txt"):
        find_system_packages(Project(project, project))
