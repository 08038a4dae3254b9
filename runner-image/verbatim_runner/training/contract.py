"""The contract's files: parameters and SageMaker's JSON documents in the configuration directory.

Source of names and forms: docs/contracts.md; AWS, "How Amazon SageMaker provides training information".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from verbatim_runner.training.placeholders import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from verbatim.fields import Parameter
    from verbatim_runner.training.places import Places

HOST = "algo-1"
INSTANCE_GROUP = "homogeneousCluster"
INSTANCE_TYPE = "local"
NETWORK_INTERFACE = "eth0"


def write_config(places: Places, parameters: Mapping[str, Parameter], channels: Iterable[str]) -> None:
    """Write the configuration directory's files, readable by the training."""
    documents: dict[str, Any] = {
        places.parameters.name: dict(parameters),
        "hyperparameters.json": {key: as_text(value) for key, value in parameters.items()},
        "inputdataconfig.json": input_data_config(channels),
        "resourceconfig.json": resource_config(),
    }
    for name, content in documents.items():
        (places.config / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def input_data_config(channels: Iterable[str]) -> dict[str, Any]:
    """Return SageMaker's description of the channels."""
    return {
        channel: {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
        for channel in sorted(channels)
    }


def instance_group() -> dict[str, Any]:
    """Return SageMaker's description of the one group of one host."""
    return {"instance_group_name": INSTANCE_GROUP, "instance_type": INSTANCE_TYPE, "hosts": [HOST]}


def resource_config() -> dict[str, Any]:
    """Return SageMaker's description of the one host that a training runs on."""
    return {
        "current_host": HOST,
        "current_instance_type": INSTANCE_TYPE,
        "current_group_name": INSTANCE_GROUP,
        "current_instance_group": INSTANCE_GROUP,
        "hosts": [HOST],
        "instance_groups": [instance_group()],
        "network_interface_name": NETWORK_INTERFACE,
    }
