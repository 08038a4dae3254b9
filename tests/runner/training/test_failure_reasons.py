"""How trainings fail: the reason comes first, and a stop is never a success."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from verbatim_runner.training.advice import Background, advise
from verbatim_runner.training.reasons import find_reason

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def background(*, age=timedelta(0), follows_commit=False, lfs=()):
    return Background(
        committed_at=None if age is None else NOW - age, packages_until=NOW, follows_commit=follows_commit,
        declared_by="requirements.txt", lfs_pointers=lfs,
    )  # fmt: skip


def printed(script):
    """Return the last lines of a Python script that fails."""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode
    return (ended.stdout + ended.stderr).splitlines()


def test_a_tracebacks_last_line_is_the_message(trainings):
    result = trainings.run('print("acc=0.5")\nraise ValueError("the label column is missing")')
    assert result.state == "failed"
    assert result.error.kind == "user"
    assert result.error.message.startswith("ValueError: the label column is missing\nat ")
    assert "train.py, line 2" in result.error.message
    assert "exit code 1" in result.error.message


def test_a_failed_training_keeps_its_log_metrics_and_artifacts(trainings):
    result = trainings.run(
        'import os; print("acc=0.5"); open(os.environ["VERBATIM_OUTPUT_DIR"] + "/part.csv", "w"); raise SystemExit(3)'
    )
    assert result.outputs.metrics["acc"].last == 0.5
    assert trainings.artifacts(result.outputs) == ["output/data/part.csv"]
    assert trainings.log(result.outputs) == "acc=0.5\n"
    assert "exit code 3" in result.error.message


def test_the_failure_file_comes_first(trainings):
    result = trainings.run(
        """
        import os
        with open(os.environ["SM_OUTPUT_DIR"] + "/failure", "w") as failure:
            failure.write("no GPU memory left " + "x" * 5000)
        raise ValueError("something else")
        """
    )
    assert result.error.message.startswith("no GPU memory left xxx")
    assert len(result.error.message.splitlines()[0]) == 1024


def test_without_a_traceback_the_last_words_are_shown(trainings):
    result = trainings.run(argv=("sh", "-c", "echo one; echo 'fatal: no such table' >&2; exit 4"))
    assert result.error.message.endswith("Its last words:\none\nfatal: no such table")


def test_a_module_that_is_missing_says_what_to_do(trainings):
    result = trainings.run("import not_there_at_all")
    assert "No module named 'not_there_at_all'" in result.error.message.splitlines()[0]
    assert "requirements.txt" in result.error.message


def test_a_command_that_is_not_there_names_the_field_and_the_project(trainings):
    for argv in (("no-such-program", "x"), ("sh", "-c", "no-such-program x")):
        result = trainings.run(argv=argv, files={"fit.py": ""})
        assert result.error.kind == "user"
        assert result.error.field == "command"
        assert result.error.message.startswith("command not found: ")
        assert "no-such-program" in result.error.message
        assert "fit.py, train.py" in result.error.message


def test_a_script_that_is_not_executable_is_said_so(trainings):
    result = trainings.run(argv=("./run.sh",), files={"run.sh": "#!/bin/sh\n"})
    assert "chmod +x" in result.error.message


def test_a_training_over_its_time_is_stopped_whatever_its_exit_code(trainings):
    script = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        print("up", flush=True)
        signal.pause()
    """
    result = trainings.run(script, conf={"resources": {"timeout": "0.5s"}})
    assert result.error.kind == "stopped"
    assert result.error.field == "resources.timeout"
    assert "0.5 s" in result.error.message


def test_a_kill_that_is_not_ours_is_taken_for_want_of_memory_and_names_the_limit(trainings):
    result = trainings.run("import os; os.kill(os.getpid(), 9)", conf={"resources": {"memory": "3g"}})
    assert result.error.kind == "user"
    assert result.error.field == "resources.memory"
    assert "3g" in result.error.message


def test_of_a_chain_of_errors_the_last_is_the_reason():
    reason = find_reason(printed("try:\n  1/0\nexcept Exception as e:\n  raise KeyError('rows') from e"))
    assert (reason.message, reason.where) == ("KeyError: 'rows'", "at <string>, line 4")


def test_an_error_that_only_says_that_a_program_failed_gives_way_to_that_programs():
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'raise ValueError(3)'], check=True)"
    assert find_reason(printed(script)).message == "ValueError: 3"
    assert find_reason(printed("import subprocess; subprocess.run(['false'], check=True)")).message.startswith(
        "subprocess.Called"
    )


def test_the_users_own_line_is_told_and_not_that_of_a_library():
    lines = [
        "Traceback (most recent call last):",
        '  File "/verbatim/work/source/train.py", line 3, in <module>',
        "    fit()",
        '  File "/cache/lib/python3.11/site-packages/sklearn/base.py", line 900, in fit',
        "ValueError: Input X contains NaN.",
        "LinearRegression does not accept missing values",
        "",
        "goodbye",
    ]
    reason = find_reason(lines)
    assert reason.message == "ValueError: Input X contains NaN.\nLinearRegression does not accept missing values"
    assert reason.where == "at /verbatim/work/source/train.py, line 3"
    assert find_reason([f"[rank0]: {line}" for line in lines]) == reason


def test_a_notebooks_error_is_its_cells():
    lines = """Traceback (most recent call last):
  File "/verbatim/work/programs/execute-notebook", line 20, in <module>
papermill.exceptions.PapermillExecutionError:
---------------------------------------------------------------------------
Exception encountered at "In [3]":
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
Cell In[3], line 1
----> 1 1 / 0

ZeroDivisionError: division by zero
""".splitlines()
    reason = find_reason(lines)
    assert (reason.message, reason.where) == ("ZeroDivisionError: division by zero", "in cell In [3]")


def test_richs_boxes_do_not_hide_the_error():
    lines = """╭───────────────────── Traceback (most recent call last) ─────────────────────╮
│ /verbatim/work/source/train.py:3 in <module>                                │
╰─────────────────────────────────────────────────────────────────────────────╯
ValueError: no rows""".splitlines()
    assert find_reason(lines).message == "ValueError: no rows"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["Error in library(nope) : there is no package called \u2018nope\u2019", "Execution halted"],
            "Error in library(nope)",
        ),
        (
            ["Loading", "Error: object 'x' not found", "Calls: f -> g", "Execution halted"],
            "Error: object 'x' not found",
        ),
        (
            ["usage: train.py", "train.py: error: the following arguments are required: --data"],
            "train.py: error: the fol",
        ),
        (
            ["Usage: train.py [OPTIONS]", "Try 'train.py --help' for help.", "", "Error: No such option: --x", ""],
            "Error: No such option: --x",
        ),
        (
            [" Usage: train.py [OPTIONS]", "╭─ Error ────╮", "│ No such option:      │", "│ --x │", "╰────────────╯"],
            "Error: No such option: --x",
        ),
        (
            ['  File "train.py", line 1', "    print 1", "SyntaxError: Missing parentheses"],
            "SyntaxError: Missing paren",
        ),
    ],
)
def test_errors_without_a_traceback_are_found(lines, message):
    assert find_reason(lines).message.startswith(message)


@pytest.mark.parametrize(
    "said",
    [
        "AttributeError: module 'numpy' has no attribute 'float'",
        "mlflow.exceptions.MlflowException: Attempting to update model version with no new field values.",
        "AttributeError: 'DataFrame' object has no attribute 'append'",
        "ImportError: cannot import name 'plot_confusion_matrix' from 'sklearn.metrics'",
        "ModuleNotFoundError: No module named 'keras.utils.np_utils'",
        "TypeError: OneHotEncoder.__init__() got an unexpected keyword argument 'sparse'",
        "_pickle.UnpicklingError: Weights only load failed.",
    ],
)
def test_old_code_with_new_packages_is_told_the_line_of_the_conf_to_try(said):
    (advice,) = advise(said, background(age=timedelta(days=700)))
    assert advice.endswith('"environment": {"as_of": "commit"}')
    assert "2024-07-01" in advice
    assert not advise(said, background(age=timedelta(days=20)))
    assert not advise(said, background(age=None))
    assert not advise(said, background(age=timedelta(days=700), follows_commit=True))


def test_old_code_that_fails_by_its_own_fault_is_not_told_to_go_back():
    for said in (
        "ValueError: no rows",
        "AttributeError: 'NoneType' object has no attribute 'fit'",
        "KeyError: 'price'",
    ):
        assert not advise(said, background(age=timedelta(days=700)))


def test_code_of_long_ago_is_told_of_its_time_for_every_error_that_may_be_a_packages():
    for said in ("ValueError: bad input shape ()", "RuntimeError: no", "cell [3]\nKeyError: 'x'"):
        assert len(advise(said, background(age=timedelta(days=800)))) == 1
        assert not advise(said, background(age=timedelta(days=700)))
    for said in ("NameError: name 'reg' is not defined", "FileNotFoundError: [Errno 2]", "exit code 2"):
        assert not advise(said, background(age=timedelta(days=800)))


def test_a_missing_module_is_told_with_what_provides_it():
    assert "scikit-learn" in advise("ModuleNotFoundError: No module named 'sklearn'", background())[0]
    assert "provides 'our_tools'" in advise("ModuleNotFoundError: No module named 'our_tools'", background())[0]
    assert (
        "r-cran-caret"
        in advise("Error in library(caret) : there is no package called \u2018caret\u2019", background())[0]
    )


def test_a_library_of_the_system_is_told_with_the_line_of_apt_txt():
    said = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"
    (advice,) = advise(said, background(age=timedelta(days=700)))
    assert "libgl1 to apt.txt" in advice
    assert "opencv-python-headless" in advice
    (advice,) = advise(said.replace("libGL.so.1", "libgomp.so.1"), background())
    assert advice == "libgomp.so.1 is a library of the system: add the line libgomp1 to apt.txt, beside the code."
    (advice,) = advise(said.replace("libGL.so.1", "libown.so"), background())
    assert "libown.so" in advice
    assert "apt.txt" in advice


def test_a_library_of_a_gpus_driver_is_no_system_package():
    assert not advise("OSError: libcuda.so.1: cannot open shared object file: No such file or directory", background())


def test_a_download_of_the_codes_own_is_told_apart():
    (advice,) = advise("urllib.error.URLError: <urlopen error [Errno 111] Connection refused>", background())
    assert advice.startswith("The code itself")


def test_a_tracking_server_that_does_not_answer_is_named_as_what_it_is():
    said = (
        "mlflow.exceptions.MlflowException: API request to http://localhost:5000/api/2.0/mlflow/experiments/get-by-name "
        "failed with exception HTTPConnectionPool: Max retries exceeded (Caused by NewConnectionError: refused)"
    )
    (advice,) = advise(said, background())
    assert "mlflow.set_tracking_uri" in advice


def test_a_file_whose_content_was_not_fetched_is_told():
    (advice,) = advise("ParserError: data/rows.csv", background(lfs=("data/rows.csv",)))
    assert "git LFS" in advice


def test_a_failed_training_ends_with_what_to_try(trainings):
    request = trainings.request("import numpy_as_it_was\n", files={})
    result = trainings.ground.run(request)
    assert result.error.message.splitlines()[0] == "ModuleNotFoundError: No module named 'numpy_as_it_was'"
    assert result.error.message.splitlines()[-1].startswith("Declare it: ")


def test_a_program_that_a_package_of_debian_has_is_named_with_its_line_of_apt_txt(trainings):
    for command in (("Rscript-is-not", "x.R"), ("octave", "--no-gui", "x.m"), ("sh", "-c", "octave x.m")):
        result = trainings.run(argv=command)
        known = command[0] != "Rscript-is-not"
        assert ("add the line octave to apt.txt" in result.error.message) == known
