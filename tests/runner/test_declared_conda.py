"""Conda environments and MLflow's ``python_env.yaml``, by what is on PyPI."""

from __future__ import annotations

import pytest

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.environment.declared import Declaration, find_declaration, find_python
from verbatim_runner.environment.declared.conda_names import conda_requirement
from verbatim_runner.project import Project

ENTRY = Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test")


def declared(project, entry=ENTRY) -> Declaration:
    return find_declaration(Project(project, project), entry)


@pytest.mark.parametrize(("spec", "requirement"), [
    ("numpy", "numpy"),
    ("numpy=1.19", "numpy==1.19.*"),
    ("numpy=1.19.2=py38h456fd55_0", "numpy==1.19.2"),
    ("numpy==1.19.2", "numpy==1.19.2"),
    ("numpy 1.19.*", "numpy==1.19.*"),
    ("numpy >=1.2, <2", "numpy>=1.2,<2"),
    ("numpy[version='>=1.2,<2']", "numpy>=1.2,<2"),
    ("conda-forge::pytorch=1.13.1", "torch==1.13.1.*"),
    ("py-xgboost", "xgboost"),
    ("matplotlib-base>=3", "matplotlib>=3"),
    ("tensorflow-gpu=2.4", "tensorflow==2.4.*"),
    ("xgboost=1.2|1.3", "xgboost"),
    ("librosa", "librosa"),
    ("python=3.8", None),
    ("libgcc-ng=9.1.0=hdf63c60_0", None),
    ("cudatoolkit=10.1", None),
    ("graphviz", None),
])  # fmt: skip
def test_a_package_of_conda_is_taken_by_its_name_on_pypi(spec, requirement):
    assert conda_requirement(spec)[0] == requirement


def test_an_environment_file_is_read_with_its_pip_section(write_tree):
    text = """
name: churn
channels: [conda-forge, defaults]
dependencies:
  - python=3.10
  - scikit-learn=1.4
  - cudatoolkit=11.8
  - mkl
  - graphviz
  - pip
  - pip:
    - mlflow>=2.3
    - -r more.txt
"""
    project = write_tree({"environment.yml": text, "more.txt": "six\n"})
    found = declared(project)
    assert (found.declared_by, found.requirements) == ("environment.yml", ("scikit-learn==1.4.*", "mlflow>=2.3", "six"))
    assert any(notice.startswith("cudatoolkit, mkl: left out") for notice in found.notices)
    assert any("write graphviz into apt.txt" in notice for notice in found.notices)
    demand = find_python(Project(project, project), ENTRY)
    assert demand is not None
    assert (demand.specifier, demand.declared_by) == ("==3.10.*", "environment.yml")


def test_a_package_that_pypi_has_not_is_named_with_what_to_do(write_tree):
    project = write_tree({"conda.yaml": "dependencies: [r-base, r-dplyr, bwa]\n"})
    with pytest.raises(UserFault, match=r"conda\.yaml names r-dplyr, bwa, .* apt\.txt \(such as r-cran-dplyr\)"):
        declared(project)
    (project / "apt.txt").write_text("r-base\nr-cran-dplyr\nbwa\n")
    assert declared(project).requirements == ()


@pytest.mark.parametrize("text", ["[", "- a list\n", "a: *unknown\n"])
def test_a_file_that_is_no_environment_is_the_users_fault(write_tree, text):
    with pytest.raises(UserFault, match=r"conda\.yaml"):
        declared(write_tree({"conda.yaml": text}))


def test_a_python_env_is_read_without_the_tools_that_build(write_tree):
    text = "python: 3.10\nbuild_dependencies: [pip==23.0, setuptools, wheel]\ndependencies:\n- -r requirements.txt\n- six\n"
    project = write_tree({"envs/python_env.yaml": text, "envs/requirements.txt": "idna\n", "conda.yaml": "{}\n"})
    entry = ENTRY.model_copy(update={"declared_in": "envs/python_env.yaml"})
    found = declared(project, entry)
    assert (found.declared_by, found.requirements) == ("envs/python_env.yaml", ("idna", "six"))
    demand = find_python(Project(project, project), entry)
    assert demand is not None
    assert demand.specifier == "==3.10.*"


def test_the_file_that_the_entry_names_comes_first(write_tree):
    project = write_tree({"requirements.txt": "six\n", "other.yaml": "dependencies: [{pip: [idna]}]\n"})
    assert declared(project, ENTRY.model_copy(update={"declared_in": "other.yaml"})).requirements == ("idna",)
    with pytest.raises(UserFault, match=r"the entry names nowhere\.yaml"):
        declared(project, ENTRY.model_copy(update={"declared_in": "nowhere.yaml"}))
