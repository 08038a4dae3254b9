"""``verbatim shell`` with the process engine: the real zipapp, a real terminal."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from platform_fixture import ROOT, VERBATIM, Commands

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 120
ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
TRAIN = """
import os, pathlib
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.pkl").write_bytes(b"model")
pathlib.Path("made-by-training").touch()
"""


@pytest.fixture(scope="module")
def run_id(verbatim: Commands, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that succeeded, with data, a parameter and a package."""
    project = tmp_path_factory.mktemp("project")
    (project / "train.py").write_text(TRAIN)
    (project / "requirements.txt").write_text("six\n")
    (project / "part.csv").write_text("x\n1\n")
    conf = project.with_suffix(".json")
    conf.write_text(json.dumps({"data": {"train": {"file": {"uri": f"file://{project}/part.csv"}}}}))
    record = verbatim("run", str(project), "--conf", str(conf), "-p", "epochs=3", "--json")
    return str(record["run_id"])


def stored(verbatim: Commands) -> dict[str, int]:
    """Return every document in the store with the time of its last change."""
    store = verbatim.home / "store"
    files = (path for part in ("runs", "models", "indexes") for path in (store / part).rglob("*"))
    return {str(path): path.stat().st_mtime_ns for path in files if path.is_file()}


def left(verbatim: Commands) -> list[str]:
    return [path.name for path in (verbatim.home / "cache" / "work").iterdir()]


def test_a_command_finds_all_that_training_found(verbatim: Commands, run_id: str) -> None:
    before = stored(verbatim)
    script = (
        "import json, os, six, sys; print(json.dumps({'cwd': os.getcwd(), 'here': sorted(os.listdir()), 'prefix': sys.prefix,"
        " **{name: os.environ[name] for name in ('VERBATIM_RUN_ID', 'VERBATIM_CODE_DIR', 'SM_HP_EPOCHS', 'HOME')},"
        " 'data': open(os.environ['SM_CHANNEL_TRAIN'] + '/part.csv').read()}))"
    )
    found = verbatim("shell", run_id, "--", "python", "-c", script, parse=True)
    assert found["cwd"] == found["VERBATIM_CODE_DIR"]
    assert found["here"] == ["part.csv", "requirements.txt", "train.py"]
    assert (found["VERBATIM_RUN_ID"], found["SM_HP_EPOCHS"], found["data"]) == (run_id, "3", "x\n1\n")
    assert found["prefix"].startswith(str(verbatim.home / "cache" / "environments"))
    assert stored(verbatim) == before
    assert left(verbatim) == []


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -KILL $$", 137)])
def test_a_commands_exit_code_is_the_shells(verbatim: Commands, run_id: str, script: str, code: int) -> None:
    verbatim("shell", run_id, "--", "sh", "-c", script, expect=code)


def test_a_command_that_is_not_there_ends_as_in_a_shell(verbatim: Commands, run_id: str) -> None:
    done = verbatim.run("shell", run_id, "--", "verbatim-nowhere")
    assert done.returncode == 127
    assert "verbatim-nowhere" in done.stderr


def test_without_a_command_it_is_a_shell_on_the_terminal(verbatim: Commands, run_id: str) -> None:
    own = {"VERBATIM_HOME": str(verbatim.home), "VERBATIM_CONFIG": str(verbatim.config), "TERM": "dumb"}
    prompt = f"({run_id})".encode()
    with subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, VERBATIM, "shell", run_id],
        cwd=ROOT, env=os.environ | own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
    ) as shell:  # fmt: skip
        said = read_until(shell, prompt)
        assert "nothing that is done here is kept" in said
        assert "training starts with: python train.py --epochs 3" in said
        type_into(shell, b"test -t 0 && echo at $SM_HP_EPOCHS-$((40 + 2))\n")
        read_until(shell, b"at 3-42")
        type_into(shell, b"sh -c 'echo sleeps $((40 + 3)); exec sleep 600'\n")
        read_until(shell, b"sleeps 43")
        type_into(shell, b"\x03")  # ends what runs in the shell, and neither the shell nor what holds it
        read_until(shell, prompt)
        type_into(shell, b"exit 5\n")
        assert shell.wait(PATIENCE_S) == 5
    assert left(verbatim) == []


def test_after_a_failed_install_it_says_what_failed_and_opens_all_the_same(verbatim: Commands, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "train.py").write_text(TRAIN)
    (project / "requirements.txt").write_text("verbatim-nowhere-to-be-found==1\n")
    record = verbatim("run", str(project), "-p", "epochs=3", "--json", expect=65)
    script = "uv --version && uv pip list --quiet && cat requirements.txt && echo $SM_HP_EPOCHS && python -c 'import sys; print(sys.prefix)'"
    done = verbatim.run("shell", record["run_id"], "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    version, *_, requirements, epochs, prefix = done.stdout.splitlines()
    assert version.startswith("uv ")
    assert (requirements, epochs) == ("verbatim-nowhere-to-be-found==1", "3")
    assert prefix.startswith(str(verbatim.home / "cache" / "work"))
    assert "the run failed in prepare" in done.stderr
    assert "verbatim-nowhere-to-be-found" in done.stderr


def test_a_run_whose_conf_was_wrong_has_no_state_to_open(verbatim: Commands, tmp_path: Path) -> None:
    record = verbatim.run("run", str(tmp_path / "nowhere"))
    assert record.returncode != 0
    done = verbatim.run("shell", "nowhere")
    assert done.returncode == 66


def type_into(shell: subprocess.Popen[bytes], keys: bytes) -> None:
    assert shell.stdin is not None
    shell.stdin.write(keys)


def read_until(shell: subprocess.Popen[bytes], end: bytes) -> str:
    assert shell.stdout is not None
    said = b""
    while end not in said:
        assert select.select([shell.stdout], [], [], PATIENCE_S)[0], said
        more = os.read(shell.stdout.fileno(), 4096)
        assert more, said
        said += more
    return said.decode()
