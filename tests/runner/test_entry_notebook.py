"""Notebooks, really executed: papermill from PyPI, once prepared and trained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from runner.conftest import Ground

from verbatim.stage import PrepareOutputs, StageResult, TrainOutputs
from verbatim.store import Store

if TYPE_CHECKING:
    from pathlib import Path

OLD = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "old"}}


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """One cache for all notebooks: papermill is installed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def ground(tmp_path, cache) -> Ground:
    return Ground(tmp_path, Store(f"file://{tmp_path}/store"), cache)


def notebook(*cells: str, **metadata: Any) -> str:
    """Return a notebook with these code cells; the first is the one of its parameters."""
    written = [
        {"cell_type": "code", "id": f"c{number}", "execution_count": None, "outputs": [], "source": source,
         "metadata": {"tags": ["parameters"]} if number == 0 else {}}
        for number, source in enumerate(cells)
    ]  # fmt: skip
    return json.dumps({"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def run_notebook(ground: Ground, tree: Path, conf: dict[str, Any], name: str = "churn.ipynb") -> StageResult:
    code = ground.store_directory(tree)
    conf = {"model": None, "entry_point": name, **conf}
    prepared = ground.run(ground.request("prepare", conf, code))
    assert isinstance(prepared.outputs, PrepareOutputs), prepared.error
    return ground.run(ground.request("train", conf, code, inputs={"prepare": prepared}))


def text_of(ground: Ground, outputs: Any, name: str) -> str:
    assert isinstance(outputs, TrainOutputs)
    (file,) = [file for file in outputs.artifacts if file.path.endswith(name)]
    return ground.store.get_blob(file.sha256).decode()


def log_of(ground: Ground, outputs: Any) -> str:
    assert isinstance(outputs, TrainOutputs)
    return ground.store.get_blob(outputs.log.sha256).decode()


def test_a_notebook_gets_typed_parameters_and_says_what_its_cells_say(ground, write_tree):
    cells = (
        "alpha = 1\nnames = []",
        "%load_ext autoreload\n!pip install six\nimport os, sys, time, six\nfor number in range(3):\n    print(f'loss={number * alpha}')\n    time.sleep(0.01)",
        "print(type(alpha).__name__, names, os.path.basename(os.getcwd()))\n{'accuracy': 0.75}",
        "print('to stderr', file=sys.stderr)",
        "print('half', end=' ', flush=True)\nprint('whole')",
    )
    kernel = {"kernelspec": {"name": "conda-env-churn-py", "language": "python", "display_name": "churn"}}
    tree = write_tree({"work/churn.ipynb": notebook(*cells, **kernel), "requirements.txt": "six\n"})
    conf = {"parameters": {"alpha": 0.5, "names": ["a", None], "sagemaker_region": "x"}}
    result = run_notebook(ground, tree, conf, "work/churn.ipynb")
    assert result.error is None, result.error
    lines = log_of(ground, result.outputs).splitlines()
    assert {"float ['a', None] work", "{'accuracy': 0.75}", "to stderr", "half whole"} <= set(lines)
    assert [line for line in lines if line.startswith("loss=")] == ["loss=0.0", "loss=0.5", "loss=1.0"]
    assert result.outputs.metrics["loss"].last == 1.0
    executed = json.loads(text_of(ground, result.outputs, "churn.ipynb"))
    assert "injected-parameters" in executed["cells"][1]["metadata"]["tags"]
    assert executed["cells"][2]["execution_count"] == 3


def test_a_failing_cell_is_the_reason_and_the_executed_notebook_is_kept(ground, write_tree):
    tree = write_tree(
        {"churn.ipynb": notebook("alpha = 1", "def fit():\n    raise ValueError('no rows left')", "fit()")}
    )
    result = run_notebook(ground, tree, {})
    assert result.error.kind == "user"
    assert result.error.message.startswith("ValueError: no rows left\nin cell [3] of churn.ipynb, line 1: fit()\n")
    assert "papermill" not in result.error.message.partition("\n`")[0]
    assert "ValueError: no rows left" in log_of(ground, result.outputs)
    assert "no rows left" in text_of(ground, result.outputs, "churn.ipynb")


def test_a_notebook_of_an_old_format_without_a_kernels_name_runs(ground, write_tree):
    cells = [{"cell_type": "code", "language": "python", "metadata": {}, "outputs": [], "input": "print('ran')"}]
    tree = write_tree({"churn.ipynb": json.dumps({**OLD, "worksheets": [{"cells": cells}]})})
    result = run_notebook(ground, tree, {"parameters": {"alpha": 1}})
    assert result.error is None, result.error
    assert "ran" in log_of(ground, result.outputs).splitlines()


def test_pip_finds_what_is_there_and_installs_nothing_beside_it(ground, write_tree):
    cell = "!pip install -q six\n!pip install --upgrade pip\nname = 'attrs'\n!pip install $name==1 || echo refused\n"
    tree = write_tree({"churn.ipynb": notebook("", cell), "requirements.txt": "six\n"})
    result = run_notebook(ground, tree, {})
    assert result.error is None, result.error
    lines = log_of(ground, result.outputs).splitlines()
    assert "refused" in lines
    assert any(line.startswith("Requirement already satisfied: pip") for line in lines)


def test_a_cell_that_ends_the_notebook_in_good_order_is_no_failure(ground, write_tree):
    tree = write_tree({"churn.ipynb": notebook("", "import sys; sys.exit(0)")})
    assert run_notebook(ground, tree, {}).error is None
