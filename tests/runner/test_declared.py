"""What projects depend on, as read from their files."""

from __future__ import annotations

import pytest

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.environment.declared import Declaration, find_declaration
from verbatim_runner.project import Project

ENTRY = Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test")


def declared(project, root=None) -> Declaration:
    return find_declaration(Project(project, root or project), ENTRY)


@pytest.mark.parametrize(("files", "declared_by"), [
    ({"requirements.txt": "six\n", "pyproject.toml": "[project]\nname='x'\n"}, "requirements.txt"),
    ({"pyproject.toml": "[project]\nname='x'\ndependencies=[]\n", "conda.yaml": "dependencies: []\n"}, "pyproject.toml"),
    ({"pyproject.toml": "[project]\nname='x'\n", "conda.yaml": "dependencies: []\n"}, "conda.yaml"),
    ({"setup.py": "setup(install_requires=open('r').read())", "pyproject.toml": "[tool.ruff]\n"}, "setup.py"),
    ({"python_env.yaml": "python: 3.10\n", "conda.yaml": "dependencies: []\n"}, "python_env.yaml"),
    ({"Pipfile": "[packages]\nsix = '*'\n"}, "Pipfile"),
    ({"train.py": "# /// script\n# dependencies = ['six']\n# ///\n"}, "train.py (inline metadata)"),
    ({"train.py": "import six\n", "pyproject.toml": "[tool.ruff]\n"}, "imports"),
])  # fmt: skip
def test_the_first_way_of_declaring_counts(write_tree, files, declared_by):
    assert declared(write_tree(files)).declared_by == declared_by


def test_imports_are_mapped_to_distributions(write_tree):
    source = """
import os, sys
from __future__ import annotations
import sklearn.linear_model as lm, yaml
from google.cloud import storage
from PIL import Image
import pandas as pd
import xgboost
def late():
    import cv2
    pd.read_parquet("x")
"""
    found = declared(write_tree({"train.py": source})).requirements
    assert found == (
        "google-cloud-storage", "opencv-python-headless", "pandas", "Pillow", "pyarrow", "PyYAML", "scikit-learn", "xgboost",
    )  # fmt: skip


def test_what_training_can_do_without_is_left_out(write_tree):
    source = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import numpy
try:
    import cudf
except ImportError:
    cudf = None
import six
"""
    files = {
        "train.py": source,
        "tests/test_train.py": "import pytest\n",
        "test_more.py": "import hypothesis\n",
        "py2.py": "print 'x'\n",
    }
    assert declared(write_tree(files)).requirements == ("six",)


def test_the_projects_own_modules_are_no_dependencies(write_tree):
    files = {
        "above.py": "",
        "jobs/churn/train.py": "import above, helper, features.build, pkg, six\nfrom . import x\n",
        "jobs/churn/helper.py": "",
        "jobs/churn/features/build.py": "",
        "jobs/churn/src/pkg/__init__.py": "",
    }
    root = write_tree(files)
    assert declared(root / "jobs/churn", root).requirements == ("six",)


def test_a_package_module_named_as_a_distribution_does_not_hide_it(write_tree):
    files = {
        "train.py": "from models import xgboost\n",
        "models/__init__.py": "",
        "models/xgboost.py": "import xgboost\n",
    }
    assert declared(write_tree(files)).requirements == ("xgboost",)


def test_a_project_without_imports_has_no_dependencies(write_tree):
    declaration = declared(write_tree({"train.py": "import json\n"}))
    assert declaration == Declaration(declared_by="imports")


def test_a_pyproject_that_is_no_toml_is_the_users_fault(write_tree):
    with pytest.raises(UserFault, match=r"pyproject\.toml"):
        declared(write_tree({"pyproject.toml": "[project\n"}))


@pytest.mark.parametrize(("file", "text"), [
    ("uv.lock", "package = 1\n"),
    ("uv.lock", "[[package]]\nversion = '1'\n"),
    ("poetry.lock", "package = ['six']\n"),
    ("Pipfile.lock", '{"default": ["six"]}'),
    ("Pipfile.lock", "[]"),
    ("pdm.lock", "[[package]]\nversion = 1\n"),
    ("pyproject.toml", "project = 'x'\n"),
    ("pyproject.toml", "[project]\ndependencies = 1\n"),
    ("pyproject.toml", "[project]\ndependencies = ['six and more']\n"),
    ("pyproject.toml", "[tool.poetry]\ndependencies = ['six']\n"),
    ("pyproject.toml", "[project]\ndependencies = 'six'\n"),
    ("conda.yaml", "dependencies: {six: 1}\n"),
    ("conda.yaml", "dependencies: [pip: six]\n"),
    ("python_env.yaml", "dependencies: six\n"),
    ("Pipfile", "packages = ['six']\n"),
    ("train.py", "# /// script\n# dependencies = 1\n# ///\n"),
])  # fmt: skip
def test_a_file_of_another_form_than_its_tool_writes_is_the_users_fault(write_tree, file, text):
    with pytest.raises(UserFault):
        declared(write_tree({file: text}))
