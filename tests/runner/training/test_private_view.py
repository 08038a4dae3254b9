"""Code that spells ``/opt/ml`` or ``/workspace`` out runs without a container too, where the system allows it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from verbatim_runner.training import private_view
from verbatim_runner.training.places import KUBEFLOW_WORKSPACE, SAGEMAKER_BASE
from verbatim_runner.training.steps import fetch_code

TRAINING = """
    import os, pathlib
    base = os.environ["SAGEMAKER_BASE_DIR"] if not pathlib.Path("/opt/ml/input").exists() else "/opt/ml"
    rows = pathlib.Path(base, "input/data/train/rows.csv").read_text()
    pathlib.Path(base, "model/model.bin").write_text(rows)
    if base == "/opt/ml":
        assert pathlib.Path("/workspace/dataset/rows.csv").read_text() == rows
        assert pathlib.Path("/workspace/model/model.bin").read_text() == rows
        assert pathlib.Path.cwd().samefile("/opt/ml/code")
"""


@pytest.fixture
def view(tmp_path):
    """Return the places that a command may be shown, and its prefix where this system allows one."""
    root, places = tmp_path / "root", {SAGEMAKER_BASE: tmp_path / "ml", KUBEFLOW_WORKSPACE: tmp_path / "workspace"}
    for directory in (root, *places.values()):
        directory.mkdir()
    return places, private_view.prefix(root, places)


def test_code_that_names_opt_ml_finds_its_data_there_and_leaves_its_model_there(trainings):
    result = trainings.run(TRAINING, data={"train": {"rows.csv": "1"}})
    assert result.error is None
    assert [file.path for file in result.outputs.model] == ["model.bin"]
    assert all("gives no process a view" in warning for warning in result.warnings)


def test_where_the_system_allows_no_view_the_warning_says_where_the_places_are(trainings, monkeypatch):
    monkeypatch.setattr(private_view, "prefix", lambda _root, _places: None)
    result = trainings.run(TRAINING, data={"train": {"rows.csv": "1"}})
    assert result.error is None
    assert [("/opt/ml," in warning, "/workspace," in warning) for warning in result.warnings] == [
        (True, False),
        (False, True),
    ]
    assert "$SAGEMAKER_BASE_DIR" in result.warnings[0]


def test_a_directory_that_the_machine_uses_itself_is_not_hidden(trainings, monkeypatch, tmp_path):
    used = tmp_path / "used"
    (used / "inside").mkdir(parents=True)
    monkeypatch.setattr(fetch_code, "KUBEFLOW_WORKSPACE", used)
    result = trainings.run(f"import os\nprint(os.listdir({str(used)!r}))", conf={"model": None})
    assert trainings.log(result.outputs) == "['inside']\n"
    assert "this machine has its own" in result.warnings[0]


def test_a_view_changes_nothing_but_the_two_places(view):
    places, prefix = view
    if prefix is None:  # the test above is the one for such a system
        return
    script = "id -u; pwd; env; echo $$; ls -A / | grep -vx workspace; echo new >/opt/ml/file; ls /opt/ml"
    seen = subprocess.Popen(
        [*prefix, "sh", "-c", script],
        stdout=subprocess.PIPE,
        env={"SM_HP_A-B": "1", "PATH": os.environ["PATH"]},
        text=True,
    )
    said = seen.communicate()[0].splitlines()
    there = sorted(entry.name for entry in Path("/").iterdir() if entry.name != "workspace")
    assert said[:2] == [str(os.getuid()), str(Path.cwd())]
    assert str(seen.pid) in said  # the process that was started is the command
    assert sorted(line for line in said if line in there) == there
    assert said[-1] == "file"
    assert (places[SAGEMAKER_BASE] / "file").read_text() == "new\n"
    assert not (SAGEMAKER_BASE / "file").exists()


def test_a_place_is_shown_also_where_the_machine_has_no_directory_for_it(view, tmp_path):
    places, prefix = view
    if prefix is None:
        return
    place, root = Path("/verbatim-test-has-none/ml"), tmp_path / "another-root"
    root.mkdir()
    prefix = private_view.prefix(root, {place: places[SAGEMAKER_BASE]})
    assert prefix is not None
    subprocess.run([*prefix, "touch", str(place / "file")], check=True)
    assert (places[SAGEMAKER_BASE] / "file").exists()
    assert not place.parent.exists()


def test_views_beside_each_other_do_not_meet(trainings):
    marks = [trainings.run(f"open('/opt/ml/model/{name}', 'w').write('x')") for name in "ab"]
    if all(mark.error is None for mark in marks):
        assert [[file.path for file in mark.outputs.model] for mark in marks] == [["a"], ["b"]]


def test_a_stop_reaches_a_command_with_a_view(trainings):
    result = trainings.run(
        """
        import signal, sys
        PLACE = "/opt/ml"
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.pause()
        """,
        conf={"resources": {"timeout": "0.5s"}},
    )
    assert result.error.kind == "stopped"


def test_a_program_that_is_not_there_is_said_so_with_a_view_too(trainings):
    result = trainings.run("", argv=("no-such-program", "/opt/ml"))
    assert result.error.message.startswith("command not found: no-such-program")
    assert result.error.field == "command"


def test_code_of_azure_ml_finds_its_output_directories_and_other_code_may_make_them(trainings):
    azure = trainings.succeed(
        "from pathlib import Path\n# azureml\nPath('outputs/report.md').write_text('x')\nPath('logs/log').write_text('x')"
    )
    assert "outputs/report.md" in {file.path for file in azure.artifacts}
    trainings.succeed("import os; os.mkdir('outputs'); os.mkdir('logs')")
