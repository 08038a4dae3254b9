"""What training imports: as the only declaration, and as what a declaration forgot."""

from __future__ import annotations

import json

import pytest

from verbatim.stage import Entry
from verbatim_runner.environment.declared import Declaration, find_declaration
from verbatim_runner.project import Project

ENTRY = Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test")


def declared(project, entry: Entry = ENTRY, root=None) -> Declaration:
    return find_declaration(Project(project, root or project), entry)


def started_by(*argv: str) -> Entry:
    return ENTRY.model_copy(update={"argv": argv})


def notebook(*cells: str) -> str:
    made = [{"cell_type": "code", "source": cell.splitlines(keepends=True), "metadata": {}} for cell in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_what_a_declaration_forgot_is_added(write_tree):
    source = "import sklearn, pandas as pd, six, own_plugin, cv2\npd.read_parquet('x')\n"
    found = declared(write_tree({"train.py": source, "requirements.txt": "pandas==2.0\nopencv-python\n"}))
    assert found.requirements == ("pandas==2.0", "opencv-python")
    assert found.added == ("pyarrow", "scikit-learn", "six")


@pytest.mark.parametrize(("file", "text"), [
    ("pyproject.toml", "[project]\nname='x'\ndependencies=['numpy']\n"),
    ("pyproject.toml", "[project]\nname='x'\ndynamic=['dependencies']\n"),
    ("Pipfile", "[packages]\nnumpy='*'\n"),
    ("conda.yaml", "dependencies: [numpy]\n"),
    ("Pipfile.lock", '{"default": {"numpy": {"version": "==1.26.4"}}}'),
    ("uv.lock", "version = 1\n[[package]]\nname='x'\nsource={virtual='.'}\n"),
])  # fmt: skip
def test_every_kind_of_declaration_is_completed(write_tree, file, text):
    assert "six" in declared(write_tree({"train.py": "import numpy, six\n", file: text})).added


@pytest.mark.parametrize(
    "argv", [("python", "train"), ("sh", "-c", "python3 -u ./train"), ("./train", "--epochs", "3")]
)
def test_a_script_without_a_suffix_is_read_as_what_runs_it(write_tree, argv):
    project = write_tree({"train": "#!/usr/bin/env python\nimport six\n", "other.py": "import xgboost\n"})
    assert declared(project, started_by(*argv)).requirements == ("six",)


def test_a_program_that_is_no_python_is_not_read_as_such(write_tree):
    project = write_tree({"train": "#!/bin/sh\nimport six\n", "data": "import numpy\n", "fit.py": "import xgboost\n"})
    assert declared(project, started_by("./train", "data", "x" * 5000)).requirements == ("xgboost",)


def test_only_what_is_started_and_what_it_imports_counts(write_tree):
    files = {
        "requirements.txt": "numpy\n",
        "train.py": "from lib.model import Net\nimport sys\nsys.path.append('../shared')\nimport common_code\n",
        "lib/__init__.py": "",
        "lib/model.py": "from . import layers\nfrom .more.deep import x\n",
        "lib/layers.py": "import torch\n",
        "lib/more/deep.py": "from ..up import y\n",
        "lib/up.py": "import einops\n",
        "lib/unused.py": "import tensorflow\n",
        "other.py": "import xgboost\n",
    }
    root = write_tree({f"job/{name}": text for name, text in files.items()} | {"shared/common_code.py": "import six\n"})
    assert declared(root / "job", root=root).added == ("einops", "six", "torch")


@pytest.mark.parametrize("argv", [
    ("python", "-m", "pkg.train"), ("python", "-m", "pkg"), ("bash", "run.sh"), ("sh", "-c", "cd . && python pkg/train.py"),
    ("python", "-c", "from pkg.train import main; main()"), ("python", "launch.py"), ("make", "train"),
])  # fmt: skip
def test_every_way_of_starting_is_followed(write_tree, argv):
    files = {
        "pkg/__init__.py": "",
        "pkg/__main__.py": "from pkg import train\n",
        "pkg/train.py": "import six\n",
        "run.sh": "# python other.py\npython pkg/train.py\n",
        "launch.py": "import subprocess\nsubprocess.run(['python', 'pkg/train.py'])\n",
    }
    assert declared(write_tree(files), started_by(*argv)).requirements == ("six",)


def test_modules_that_are_loaded_by_name_may_be_any(write_tree):
    files = {"train.py": "import importlib\nimportlib.import_module('models.' + 'a')\n", "models/a.py": "import six\n"}
    assert declared(write_tree(files)).requirements == ("six",)


def test_the_command_and_the_interpreters_module_are_dependencies(write_tree):
    project = write_tree({"train.py": "import numpy\n"})
    assert declared(project, started_by("torchrun", "train.py")).requirements == ("numpy", "torch")
    assert declared(project, started_by("python", "-m", "accelerate.commands.launch", "train.py")).requirements == (
        "accelerate", "numpy",
    )  # fmt: skip


def test_another_language_imports_nothing(write_tree):
    assert (
        declared(write_tree({"train.R": "", "tool.py": "import six\n"}), started_by("Rscript", "train.R")).requirements
        == ()
    )


@pytest.mark.parametrize(("code", "requirements"), [
    ("try:\n    import six\nexcept ImportError:\n    six = None\n", ()),
    ("try:\n    import six\nexcept ImportError:\n    raise SystemExit('install six')\n", ("six",)),
    ("try:\n    from sklearn.externals import joblib\nexcept ImportError:\n    import joblib\n", ("joblib",)),
    ("try:\n    import queue\nexcept ImportError:\n    import Queue as queue\n", ()),
    ("try:\n    import six\n    six.run()\nexcept Exception as error:\n    print(error)\n", ("six",)),
    ("def main():\n    import six\n", ("six",)),
    ("from google.colab import drive\nimport urllib2, utils\n", ()),
    ("import distutils.util\n", ("setuptools ; python_version >= '3.12'",)),
    ("import pkg_resources\n", ("setuptools<81",)),
    ("type X = int\nimport six\n", ("six",)),
    ("from xgboost import XGBClassifier\n", ("scikit-learn", "xgboost")),
    ("import lightgbm as lgb\nlgb.LGBMRegressor()\n", ("lightgbm", "scikit-learn")),
    ("from torch.utils.tensorboard import SummaryWriter\n", ("tensorboard", "torch")),
    ("import keras\n", ("keras", "tensorflow")),
    ("import keras, torch\n", ("keras", "torch")),
    ("import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', '-q', 'six==1.16'])\n",
     ("pip", "six==1.16")),
    ("import os\nos.system('pip install --upgrade six idna')\n", ("idna", "pip", "six")),
    ("message = 'please pip install torch'\n", ()),
    ("import os\nos.system('pip install six==1.15')\nos.system('pip install six==1.16')\n", ("pip", "six==1.16")),
    ("import os\nos.system('pip install six && pip install idna')\n", ("idna", "pip", "six")),
    ("import dask.dataframe\nfrom dask.distributed import Client\n", ("dask[dataframe]", "distributed")),
])  # fmt: skip
def test_an_import_counts_unless_training_can_do_without_it(write_tree, code, requirements):
    assert declared(write_tree({"train.py": code})).requirements == requirements


def test_a_notebooks_cells_and_installations_count(write_tree):
    text = notebook(
        "%matplotlib inline\n!pip install -q 'six>=1.16' > /dev/null\n!ls\nimport numpy as np\nfiles = !ls\nnp?",
        "%%bash\npip install idna",
        "%%time\nimport helper_code\nfor i in range(3):\n    %time np.ones(3)",
    )
    project = write_tree({"a.ipynb": text, "helper_code.py": "import yaml\n"})
    entry = started_by("papermill", "a.ipynb", "out.ipynb").model_copy(update={"requires": ("papermill", "ipykernel")})
    found = declared(project, entry)
    assert found.requirements == ("numpy", "papermill", "pip", "PyYAML", "six>=1.16")
    assert found.added == ("ipykernel",)
    (project / "requirements.txt").write_text("numpy\nipykernel==6.29.0\n")
    assert declared(project, entry).added == ("papermill", "pip", "PyYAML", "six>=1.16")


def test_a_library_above_its_examples_is_installed_and_a_directory_does_not_hide_a_distribution(write_tree):
    files = {
        "mlflow/__init__.py": "",
        "examples/train.py": "import mlflow, xgboost, above\n",
        "examples/xgboost/other.py": "",
        "above.py": "",
    }
    root = write_tree(files)
    found = declared(root / "examples", root=root)
    assert (found.requirements, found.local) == (("mlflow", "xgboost"), (".",))


def test_modules_above_the_project_are_the_codes_own_and_what_they_import_is_needed(write_tree):
    files = {
        "setup.py": "import setuptools\nsetuptools.setup(name='ours')\n",
        "ours/__init__.py": "import numpy\n",
        "src/deeper/__init__.py": "import six\n",
        "jobs/shared/io.py": "import yaml\n",
        "jobs/churn/train.py": "from ours import x\nimport deeper\nfrom shared.io import load\n",
    }
    root = write_tree(files)
    found = declared(root / "jobs/churn", root=root)
    assert found.requirements == ("numpy", "PyYAML", "six")
    assert set(found.local) == {".", "src", "jobs"}


def test_an_extension_that_a_notebook_loads_is_an_import(write_tree):
    project = write_tree({"fit.ipynb": notebook("%load_ext watermark\n%load_ext autoreload\n%watermark -v")})
    found = declared(project, started_by("python", "fit.ipynb"))
    assert found.requirements == ("watermark",)
