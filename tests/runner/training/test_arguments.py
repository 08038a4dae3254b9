"""Parameters as arguments, and placeholders in commands."""

from __future__ import annotations

import pytest

from verbatim.errors import UserFault
from verbatim_runner.training.arguments import to_arguments
from verbatim_runner.training.placeholders import PLACES, Values, fill_command, fill_parameters
from verbatim_runner.training.places import Places


@pytest.fixture
def values(tmp_path):
    """A channel of one file and one of two, some parameters, a run's places."""
    for name, files in {"train": ("a.csv",), "test": ("a.csv", "b.csv")}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    channels = {name: tmp_path / name for name in ("train", "test")}
    parameters = {"flag": True, "none": None, "layers": [1, 2], "map": {"b": 2, "a": "x"}, "text": "it's"}
    return Values(channels, parameters, Places(work=tmp_path, base=tmp_path / "ml"))


def test_arguments_are_in_the_form_of_sagemakers_toolkit():
    """Expected is what ``sagemaker_training.mapping.to_cmd_args`` (5.1.4) returns for the same mapping."""
    parameters = {
        "b": 1, "epochs": 5, "lr": 0.1, "flag": True, "off": False, "none": None, "layers": [1, 2], "text": "a b", "empty": "",
        "map": {"b": 2, "a": "x"}, "nested": {"a": [1]}, "with-dash": "x", "ü": "ü",
    }  # fmt: skip
    assert to_arguments(parameters) == [
        "-b", "1", "--empty", "", "--epochs", "5", "--flag", "True", "--layers", "[1, 2]", "--lr", "0.1", "--map", "a=x,b=2",
        "--nested", "a=[1]", "--none", "", "--off", "False", "--text", "a b", "--with-dash", "x", "-ü", "ü",
    ]  # fmt: skip


def test_what_sagemaker_says_to_itself_is_not_handed_on():
    parameters = {
        "sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://b/x", "sagemaker_mpi_enabled": True,
        "_tuning_objective_metric": "auc", "default_user_module_name": "x", "epochs": 1,
    }  # fmt: skip
    assert to_arguments(parameters) == ["--epochs", "1"]


def test_a_command_names_channels_files_parameters_and_places(values, tmp_path):
    command = ["fit", "{channels.test}", "{files.train}", "--flag={parameters.flag}", "{places.model}/x", "{x}", "{}"]
    assert fill_command(command, values) == [
        "fit", str(tmp_path / "test"), str(tmp_path / "train/a.csv"), "--flag=True", f"{tmp_path}/ml/model/x", "{x}", "{}",
    ]  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_every_place_has_a_path_in_the_run(values, tmp_path, name):
    assert fill_command([f"{{places.{name}}}"], values)[0].startswith(f"{tmp_path}/")


def test_a_parameter_is_spelled_alike_in_a_command_and_as_an_argument(values):
    placed = [fill_command([f"{{parameters.{name}}}"], values)[0] for name in sorted(values.parameters)]
    assert placed == to_arguments(values.parameters)[1::2]


def test_parameters_hold_placeholders_at_any_depth(values, tmp_path):
    nested = Values(values.channels, {"a": {"b": ["{channels.train}", 1]}}, values.places)
    assert fill_parameters(nested) == {"a": {"b": [str(tmp_path / "train"), 1]}}


@pytest.mark.parametrize(("text", "said"), [
    ("{channels.valid}", "names no channel; there are: test, train"),
    ("{files.test}", "exactly one file; this one has 2"),
    ("{parameters.x}", "names no parameter; there are: flag,"),
    ("{places.home}", "names no place; there are: checkpoints,"),
])  # fmt: skip
def test_a_placeholder_that_names_nothing_says_what_there_is(values, text, said):
    with pytest.raises(UserFault, match="command") as caught:
        fill_command([text], values)
    assert said in caught.value.message
