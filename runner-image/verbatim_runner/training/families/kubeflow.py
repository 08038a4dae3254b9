"""Kubeflow Trainer's names: where a training reports its progress.

The address is HTTP: it is this machine's own, and both clients that exist (``transformers``' callback and Kubeflow's
SDK) take the scheme from the address. They read certificates and token from files.
Source: kubeflow/trainer, ``pkg/runtime/framework/plugins/trainjobstatus``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verbatim_runner.training.variables import Setting

STATUS_PATH = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/verbatim/trainjobs/{job}/status"


def kubeflow(setting: Setting) -> dict[str, str]:
    """Return the status endpoint, where there is a live server."""
    if not setting.live_url:
        return {}
    import certifi

    return {
        "KUBEFLOW_TRAINER_SERVER_URL": setting.live_url + STATUS_PATH.format(job=setting.run_id),
        "KUBEFLOW_TRAINER_SERVER_CA_CERT": certifi.where(),
        "KUBEFLOW_TRAINER_SERVER_TOKEN": str(setting.places.token),
    }
