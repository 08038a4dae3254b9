"""Every name of every contract, in every run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verbatim_runner.isolation import Isolation
from verbatim_runner.training.places import Places
from verbatim_runner.training.variables import MAX_BYTES, Setting, variables

if TYPE_CHECKING:
    from collections.abc import Callable

SAGEMAKER_TOOLKIT = (
    "SM_CHANNELS", "SM_CURRENT_HOST", "SM_CURRENT_INSTANCE_GROUP", "SM_CURRENT_INSTANCE_GROUP_HOSTS",
    "SM_CURRENT_INSTANCE_TYPE", "SM_DISTRIBUTION_INSTANCE_GROUPS", "SM_FRAMEWORK_MODULE", "SM_FRAMEWORK_PARAMS",
    "SM_HOSTS", "SM_HPS", "SM_INPUT_CONFIG_DIR", "SM_INPUT_DATA_CONFIG",
    "SM_INPUT_DIR", "SM_INSTANCE_GROUPS", "SM_INSTANCE_GROUPS_DICT", "SM_IS_HETERO",
    "SM_LOG_LEVEL", "SM_MODEL_DIR", "SM_MODULE_DIR", "SM_MODULE_NAME",
    "SM_NETWORK_INTERFACE_NAME", "SM_NUM_CPUS", "SM_NUM_GPUS", "SM_NUM_NEURONS",
    "SM_OUTPUT_DATA_DIR", "SM_OUTPUT_DIR", "SM_OUTPUT_INTERMEDIATE_DIR", "SM_RESOURCE_CONFIG",
    "SM_TRAINING_ENV", "SM_USER_ARGS", "SM_USER_ENTRY_POINT",
)  # fmt: skip
"""What ``Environment.to_env_vars`` of sagemaker-training 5.1.4 sets in every job."""

CHANGES_FRAMEWORKS = (
    "TF_CONFIG", "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "DMLC_ROLE", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME", "AZUREML_RUN_ID", "AZUREML_EXPERIMENT_ID", "SAGEMAKER_JOB_NAME",
)  # fmt: skip


@pytest.fixture
def setting(tmp_path) -> Callable[..., Setting]:
    """Make a setting with the channels and parameters that a test wants."""
    places = Places.make(tmp_path)

    def make(*, channels: tuple[str, ...] = (), live_url: str = "http://127.0.0.1:1", **parameters: object) -> Setting:
        return Setting(
            run_id="churn-1", places=places, project=tmp_path / "source", bin_dir=tmp_path / "bin",
            argv=("python", "train.py"), channels=places.channels(channels), parameters=parameters, cpus=2, gpus=0, seed=7,
            live_url=live_url, live_token="token",
        )  # fmt: skip

    return make


def test_every_name_of_sagemakers_toolkit_is_set(setting):
    named = variables(setting(channels=("train",), epochs=3))
    assert set(SAGEMAKER_TOOLKIT) <= named.keys()
    inside = json.loads(named["SM_TRAINING_ENV"])
    assert inside["hyperparameters"] == {"epochs": 3}
    assert inside["channel_input_dirs"]["train"] == named["SM_CHANNEL_TRAIN"]
    assert inside["module_name"] == "train"


def test_what_sagemaker_says_to_itself_is_no_hyperparameter(setting):
    named = variables(setting(epochs=3, sagemaker_program="train.py"))
    assert json.loads(named["SM_HPS"]) == {"epochs": 3}
    assert json.loads(named["SM_FRAMEWORK_PARAMS"]) == {"sagemaker_program": "train.py"}


def test_azure_ml_finds_inputs_and_outputs_as_they_are_written_and_in_upper_case(setting):
    named = variables(setting(channels=("raw-data",)))
    assert named["AZURE_ML_INPUT_raw-data"] == named["AZURE_ML_INPUT_RAW_DATA"] == named["VERBATIM_CHANNEL_RAW_DATA"]
    assert named["AZURE_ML_OUTPUT_model_output"] == named["AZURE_ML_OUTPUT_MODEL_OUTPUT"] == named["VERBATIM_MODEL_DIR"]
    assert named["AZURE_ML_OUTPUT_default"] == named["VERBATIM_OUTPUT_DIR"]


def test_a_launcher_finds_one_machine_and_ports_of_its_own(setting):
    first, second = variables(setting()), variables(setting())
    assert (first["PET_NNODES"], first["PET_NPROC_PER_NODE"], first["PET_NODE_RANK"]) == ("1", "1", "0")
    assert (first["JAX_NUM_PROCESSES"], first["DMLC_NUM_WORKER"]) == ("1", "1")
    ports = [first["PET_MASTER_PORT"], first["DMLC_TRACKER_PORT"], first["JAX_COORDINATOR_ADDRESS"].rpartition(":")[2]]
    assert len(set(ports)) == 3
    assert json.loads(first["CLUSTER_SPEC"])["task"] == {"type": "workerpool0", "index": 0}
    assert first.keys() == second.keys()


def test_no_name_is_set_that_would_change_what_a_framework_does(setting):
    assert not {*CHANGES_FRAMEWORKS} & variables(setting()).keys()


def test_a_parameter_that_no_variable_can_hold_is_left_out_and_told_and_the_rest_is_there(setting):
    left_out: list[str] = []
    named = variables(setting(table="x" * MAX_BYTES, epochs=3), on_left_out=left_out.append)
    assert left_out == ["SM_HPS", "SM_USER_ARGS", "SM_TRAINING_ENV", "SM_HP_TABLE"]
    assert named["SM_HP_EPOCHS"] == "3"
    subprocess.run([sys.executable, "-c", ""], env=named, check=True)


def test_a_training_with_large_parameters_starts_and_finds_them_in_the_file(trainings):
    result = trainings.run(
        "import json, os; print(json.dumps([len(x) for x in json.load(open(os.environ['VERBATIM_PARAMETERS'])).values()]))",
        conf={"parameters": {"table": "x" * 100_000, "more": "y" * 100_000}, "model": None},
    )
    assert trainings.seen(result.outputs) == [100_000, 100_000]
    assert any("SM_HPS is not set" in warning for warning in result.warnings)


def test_the_largest_arguments_are_a_fault_that_says_what_to_do(trainings):
    result = trainings.run(conf={"parameters": {"table": "x" * 200_000}})
    assert result.error.kind == "user"
    assert "$VERBATIM_PARAMETERS" in result.error.message


def test_without_a_live_server_kubeflow_is_not_named(setting):
    assert "KUBEFLOW_TRAINER_SERVER_URL" not in variables(setting(live_url=""))


def test_kubeflow_reads_token_and_certificates_from_files(setting):
    wanted = setting()
    wanted.places.write_token("token", Isolation(switches=False))
    named = variables(wanted)
    assert named["KUBEFLOW_TRAINER_SERVER_URL"].startswith("http://127.0.0.1:1/apis/trainer.kubeflow.org/v1alpha1/")
    assert Path(named["KUBEFLOW_TRAINER_SERVER_TOKEN"]).read_text() == "token"
    assert Path(named["KUBEFLOW_TRAINER_SERVER_TOKEN"]).stat().st_mode & 0o077 == 0
    assert "BEGIN CERTIFICATE" in Path(named["KUBEFLOW_TRAINER_SERVER_CA_CERT"]).read_text()


@pytest.mark.parametrize("channels", [("train",), ("train", "test"), ()])
def test_kubeflows_dataset_is_the_channel_or_has_a_directory_for_each(setting, channels):
    places = setting(channels=channels).places
    directories = places.channels(channels)
    for directory in directories.values():
        directory.mkdir()
        (directory / "rows.csv").touch()
    places.show_channels(directories)
    found = {
        path.relative_to(places.workspace / "dataset").as_posix() for path in places.workspace.glob("dataset/**/*.csv")
    }
    found |= {f"{name}/rows.csv" for name in channels if (places.workspace / "dataset" / name / "rows.csv").is_file()}
    assert found == ({"rows.csv"} if len(channels) == 1 else {f"{name}/rows.csv" for name in channels})
