"""The train stage, end to end: a project in, a model, metrics, artifacts and a log out."""

from __future__ import annotations

import json

import pytest

MODEL = """
    import json, os, pathlib
    pathlib.Path(os.environ["VERBATIM_MODEL_DIR"], "model.bin").write_text("weights")
"""


def test_a_training_leaves_its_model_metrics_artifacts_and_log(trainings):
    result = trainings.run(
        """
        import os, pathlib, sys
        here = pathlib.Path
        here(os.environ["SM_MODEL_DIR"], "sub").mkdir()
        here(os.environ["SM_MODEL_DIR"], "sub", "model.bin").write_text("weights")
        here(os.environ["SM_OUTPUT_DATA_DIR"], "plot.txt").write_text("plot")
        here(os.environ["VERBATIM_TENSORBOARD_DIR"], "events").write_text("events")
        here("outputs").mkdir()
        here("outputs/report.md").write_text("report")
        for epoch in range(3):
            print(f"epoch={epoch} loss={1 / (epoch + 1)}")
        print("done", file=sys.stderr)
        """
    )
    assert result.error is None
    outputs = result.outputs
    assert [file.path for file in outputs.model] == ["sub/model.bin"]
    assert trainings.ground.store.get_blob(outputs.model[0].sha256) == b"weights"
    assert set(trainings.artifacts(outputs)) == {"output/data/plot.txt", "tensorboard/events", "outputs/report.md"}
    assert outputs.metrics["loss"].last == 1 / 3
    assert outputs.metrics["loss"].max == 1
    assert outputs.metrics["loss"].step == 2
    assert outputs.metrics["loss"].count == 3
    assert trainings.log(outputs).endswith("loss=0.3333333333333333\ndone\n")
    points = trainings.points()
    assert len(points) == outputs.points
    assert [point.value for point in points if point.name == "loss"] == [1, 0.5, 1 / 3]


def test_what_the_command_used_is_measured(trainings):
    outputs = trainings.succeed("x = b'x' * 300_000_000; sum(range(5 * 10**7))")
    assert outputs.usage.cpu_s > 0
    assert outputs.usage.peak_memory_bytes > 300_000_000
    assert outputs.metrics["system/duration_s"].last == outputs.usage.duration_s
    assert {point.source for point in trainings.points()} == {"system"}


def test_a_model_saved_beside_the_script_is_taken_with_a_warning(trainings):
    result = trainings.run('open("fitted.pkl", "w").write("weights")', files={"old.pkl": "weights of long ago"})
    assert [file.path for file in result.outputs.model] == ["fitted.pkl"]
    assert "source/fitted.pkl looks like the model" in result.warnings[0]


def test_a_model_file_of_the_project_that_is_rewritten_is_the_model(trainings):
    result = trainings.run('open("model.pkl", "w").write("new weights")', files={"model.pkl": "weights"})
    assert [file.path for file in result.outputs.model] == ["model.pkl"]


def test_a_booster_in_a_text_format_is_known_by_its_content(trainings):
    script = """
        open("notes.txt", "w").write("no model")
        open("config.json", "w").write('{"learner_rate": 1}')
        open("booster.txt", "w").write("tree\\nversion=v4\\n")
    """
    assert [file.path for file in trainings.run(script).outputs.model] == ["booster.txt"]


def test_no_model_is_an_error_unless_the_conf_says_so(trainings):
    result = trainings.run('print("loss=1")')
    assert result.error.kind == "user"
    assert '"model": null' in result.error.message
    assert result.outputs.metrics["loss"].last == 1
    assert trainings.succeed('print("loss=1")').model == ()


def test_a_link_out_of_the_run_is_never_followed(trainings, tmp_path):
    (tmp_path / "secret").write_text("secret")
    result = trainings.run(
        f"""
        import os, pathlib
        model = pathlib.Path(os.environ["VERBATIM_MODEL_DIR"])
        (model / "weights").write_text("weights")
        (model / "latest").symlink_to(model / "weights")
        (model / "stolen").symlink_to({str(tmp_path / "secret")!r})
        (model / "elsewhere").symlink_to({str(tmp_path)!r})
        os.mkfifo(model / "pipe")
        """
    )
    assert [file.path for file in result.outputs.model] == ["latest", "weights"]
    assert len(result.warnings) == 2
    assert "stolen is a link" in result.warnings[1]


@pytest.mark.parametrize("replaced", ["VERBATIM_MODEL_DIR", "SAGEMAKER_BASE_DIR"])
def test_a_directory_that_became_a_link_out_of_the_run_is_not_followed(trainings, replaced):
    result = trainings.run(
        f"""
        import os, pathlib, shutil
        directory = pathlib.Path(os.environ[{replaced!r}])
        shutil.rmtree(directory)
        directory.symlink_to({str(trainings.ground.store.local_root)!r})
        """
    )
    assert (result.error.kind, result.error.field) == ("user", "model")
    assert (result.outputs.model, trainings.artifacts(result.outputs)) == ((), [])
    assert f"leads to {trainings.ground.store.local_root}" in result.warnings[0]


def test_an_output_directory_that_became_a_link_holds_no_artifacts_metrics_or_model(trainings, tmp_path):
    (tmp_path / "elsewhere/data").mkdir(parents=True)
    result = trainings.run(
        f"""
        import json, os, pathlib, shutil
        output = pathlib.Path(os.environ["VERBATIM_OUTPUT_DIR"]).parent
        shutil.rmtree(output)
        output.symlink_to({str(tmp_path / "elsewhere")!r})
        (output / "model.pkl").write_text("weights")
        (output / "data/metrics.json").write_text('{{"auc": 1}}')
        pathlib.Path("outputs").symlink_to({str(tmp_path)!r})
        """
    )
    assert (result.error.kind, result.error.field) == ("user", "model")
    assert (trainings.artifacts(result.outputs), "auc" in result.outputs.metrics) == ([], False)
    assert len(result.warnings) == 2


def test_a_model_directory_that_leads_to_another_place_of_the_run_is_the_model(trainings):
    result = trainings.run(
        """
        import os, pathlib
        model = pathlib.Path(os.environ["VERBATIM_MODEL_DIR"])
        model.rmdir()
        pathlib.Path("saved").mkdir()
        pathlib.Path("saved/model.bin").write_text("weights")
        model.symlink_to(pathlib.Path("saved").resolve())
        """
    )
    assert result.error is None
    assert [file.path for file in result.outputs.model] == ["model.bin"]


def test_a_training_that_removes_its_project_has_failed_by_its_own_fault(trainings):
    result = trainings.run("import os, shutil; shutil.rmtree(os.getcwd()); raise SystemExit(3)")
    assert result.error.kind == "user"


@pytest.mark.parametrize(("variable", "kept"), [("VERBATIM_MODEL_DIR", "artifacts"), ("VERBATIM_OUTPUT_DIR", "model")])
def test_a_file_whose_name_is_not_utf8_is_the_trainings_fault(trainings, variable, kept):
    result = trainings.run(
        f"""
        import os, pathlib
        for name in ("VERBATIM_MODEL_DIR", "VERBATIM_OUTPUT_DIR"):
            pathlib.Path(os.environ[name], "plain.bin").write_text(name)
        open(os.fsencode(os.environ[{variable!r}]) + b"/caf\\xe9.bin", "w").close()
        os.symlink("/nowhere", os.fsencode(os.environ["VERBATIM_OUTPUT_DIR"]) + b"/caf\\xe9")
        print("epoch=1 loss=0.5")
        """
    )
    assert result.error.kind == "user"
    assert "caf\\xe9.bin" in result.error.message
    found = trainings.artifacts(result.outputs) if kept == "artifacts" else [file.path for file in result.outputs.model]
    assert [path.rpartition("/")[2] for path in found] == ["plain.bin"]
    assert result.outputs.metrics["loss"].last == 0.5


def test_data_parameters_and_placeholders_reach_the_command(trainings):
    outputs = trainings.succeed(
        "import sys, json, pathlib; print(json.dumps([pathlib.Path(sys.argv[2]).read_text(), *sys.argv[3:]]))",
        argv=("python", "train.py", "--data", "{files.train}"),
        data={"train": {"day=1/rows.csv": "a,b\n"}},
        conf={
            "parameters": {
                "epochs": 3,
                "l": [1, 2],
                "o": {"b": 2, "a": 1},
                "x": None,
                "flag": True,
                "where": "{channels.train}",
            }
        },
    )
    seen = trainings.seen(outputs)
    assert seen[0] == "a,b\n"
    assert seen[1:7] == ["--epochs", "3", "--flag", "True", "-l", "[1, 2]"]
    assert seen[7:9] == ["-o", "a=1,b=2"]
    assert seen[9] == "--where"
    assert seen[10].endswith("ml/input/data/train")
    assert seen[11:] == ["-x", ""]


def test_a_placeholder_that_names_nothing_is_a_fault_of_the_conf(trainings):
    result = trainings.run(argv=("python", "train.py", "{channels.test}"), data={"train": {"a": "1"}})
    assert result.error.field == "command"
    assert result.error.message == "{channels.test} names no channel; there are: train"


def test_a_shell_command_gets_placeholders_quoted(trainings):
    outputs = trainings.succeed(
        argv=("sh", "-c", "echo {parameters.name}; echo '[1]'"), conf={"parameters": {"name": "$(id) 'x'"}}
    )
    assert trainings.log(outputs).splitlines()[0] == "$(id) 'x'"


def test_the_environment_is_clean_and_holds_every_name_of_the_contract(trainings, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leaked")
    outputs = trainings.succeed(
        "import os, json; print(json.dumps(dict(os.environ)))",
        data={"train": {"a": "1"}},
        conf={"parameters": {"learning-rate": 0.1, "opt": "adam"}, "seed": 7, "resources": {"cpus": 1}},
    )
    seen = trainings.seen(outputs)
    assert "AWS_SECRET_ACCESS_KEY" not in seen
    assert seen["SM_HP_LEARNING-RATE"] == seen["SM_HP_LEARNING_RATE"] == "0.1"
    assert seen["SM_HP_OPT"] == "adam"
    assert json.loads(seen["SM_HPS"]) == {"learning-rate": 0.1, "opt": "adam"}
    assert json.loads(seen["SM_USER_ARGS"]) == ["--learning-rate", "0.1", "--opt", "adam"]
    assert seen["SM_CHANNELS"] == '["train"]'
    assert seen["SM_CHANNEL_TRAIN"] == seen["VERBATIM_CHANNEL_TRAIN"] == seen["AIP_TRAINING_DATA_URI"]
    assert seen["SM_USER_ENTRY_POINT"] == "train.py"
    assert seen["SM_MODULE_NAME"] == "train"
    assert seen["PYTHONHASHSEED"] == seen["VERBATIM_SEED"] == "7"
    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["AIP_MODEL_DIR"] == seen["VERBATIM_MODEL_DIR"] + "/"
    assert seen["HOME"].endswith("/home")
    assert seen["VERBATIM_LIVE_TOKEN"] == "***"  # the log never shows it


def test_the_contracts_files_are_there(trainings):
    outputs = trainings.succeed(
        """
        import json, os, pathlib
        config = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"])
        files = {path.name: json.loads(path.read_text()) for path in config.iterdir()}
        typed = json.loads(pathlib.Path(os.environ["VERBATIM_PARAMETERS"]).read_text())
        same = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "code").samefile(os.getcwd())
        print(json.dumps([files, typed, same]))
        """,
        data={"train": {"a": "1"}},
        conf={"parameters": {"epochs": 3, "name": "x"}},
    )
    files, typed, same = trainings.seen(outputs)
    assert files["hyperparameters.json"] == {"epochs": "3", "name": "x"}
    assert typed == {"epochs": 3, "name": "x"}
    assert files["inputdataconfig.json"]["train"]["TrainingInputMode"] == "File"
    assert files["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert same


def test_metric_files_are_read_too(trainings):
    outputs = trainings.succeed(
        """
        import json, os, pathlib
        out = pathlib.Path(os.environ["VERBATIM_OUTPUT_DIR"])
        (out / "metrics.jsonl").write_text('{"step": 1, "auc": 0.7}\\n{"step": 2, "auc": 0.8}')
        (out / "metrics.json").write_text('{"f1": 0.9}')
        """
    )
    assert (outputs.metrics["auc"].last, outputs.metrics["auc"].count, outputs.metrics["auc"].step) == (0.8, 2, 2)
    assert outputs.metrics["f1"].last == 0.9


def test_the_confs_definition_of_a_metric_wins(trainings):
    outputs = trainings.succeed(
        'print("step 4 | val_auc=0.9 (scaled: 90.0)")',
        conf={"metrics": [{"name": "val_auc", "regex": r"scaled: ([0-9.]+)"}]},
    )
    assert outputs.metrics["val_auc"].last == 90
    assert outputs.metrics["val_auc"].step == 4
    assert outputs.metrics["scaled"].last == 90


def test_a_loss_that_turns_nan_is_a_warning(trainings):
    result = trainings.run('print("step=1 loss=0.5"); print("step=2 loss=nan")', conf={"model": None})
    assert result.state == "succeeded"
    assert "loss became nan at step 2" in result.warnings[0]
    assert result.outputs.metrics["loss"].max == 0.5
