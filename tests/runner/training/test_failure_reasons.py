"""How trainings fail: the reason comes first, and a stop is never a success."""

from __future__ import annotations


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
    assert [file.path for file in result.outputs.artifacts] == ["output/data/part.csv"]
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
