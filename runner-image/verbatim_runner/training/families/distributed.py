"""What launchers of distributed training read: one machine, one process where there are no GPUs.

Ports are free ones, so that runs beside each other do not meet. ``RANK``, ``WORLD_SIZE`` and ``LOCAL_RANK`` are left
to torchrun. ``TF_CONFIG`` is not set: Kubeflow sets none for a job of one replica either, and TensorFlow would open a
server for it. ``DMLC_ROLE`` is not set: MXNet becomes a server when it says so.
Source: kubeflow/trainer, ``pkg/constants``; torch, ``torch/distributed/run.py``; Google Cloud, "Distributed training".
"""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim_runner.training.variables import Setting

_HOST = "127.0.0.1"


def distributed(setting: Setting) -> dict[str, str]:
    """Return a cluster of this one machine, in the words of torchrun, JAX, DMLC (XGBoost) and Vertex AI."""
    torch, jax, dmlc, vertex = _free_ports(4)
    cluster = {
        "cluster": {"workerpool0": [f"{_HOST}:{vertex}"]},
        "environment": "cloud",
        "task": {"type": "workerpool0", "index": 0},
    }
    return {
        "PET_NNODES": "1",
        "PET_NPROC_PER_NODE": str(max(1, setting.gpus)),
        "PET_NODE_RANK": "0",
        "PET_MASTER_ADDR": _HOST,
        "PET_MASTER_PORT": str(torch),
        "JAX_NUM_PROCESSES": "1",
        "JAX_PROCESS_ID": "0",
        "JAX_COORDINATOR_ADDRESS": f"{_HOST}:{jax}",
        "DMLC_NUM_WORKER": "1",
        "DMLC_TASK_ID": "0",
        "DMLC_TRACKER_URI": _HOST,
        "DMLC_TRACKER_PORT": str(dmlc),
        "CLUSTER_SPEC": json.dumps(cluster),
    }


def _free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens at now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((_HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]
