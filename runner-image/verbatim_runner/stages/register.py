"""register: the trained model becomes a version, and goes to the destination that the user named.

The version's document is made of what is in the request alone, so that another try of the stage writes the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.documents import tree_digest
from verbatim.errors import ContractError, NotFound
from verbatim.manifest import ModelVersion
from verbatim.quantities import parse_duration
from verbatim.stage import EvaluateOutputs, RegisterOutputs, TrainOutputs
from verbatim.store import layout
from verbatim_runner.destination import Destination

if TYPE_CHECKING:
    from verbatim.spec import PinnedModel
    from verbatim_runner.stage_context import StageContext


def run(context: StageContext) -> RegisterOutputs:
    """Publish the model version; a rejected one stays in the store until its date and goes to no destination.

    Raises:
        UserFault: The destination may not be written, or holds another model under this version.
        ContractError: The store lacks one of the model's files, or no version was allotted.
    """
    spec = context.request.spec
    if spec.model is None:
        context.console.say("the run makes no model; nothing to register")
        return RegisterOutputs(name=None, version=None)
    version = _earlier(context, _version(context, spec.model))
    missing = [file.path for file in version.files if not context.store.exists(layout.blob(file.sha256))]
    if missing:
        raise ContractError(f"the store lacks {len(missing)} of the model's files, first {missing[0]}")
    if version.destination:
        Destination(context, version.destination, spec.model.connection).upload(version)
    context.store.publish(layout.model(version.name, version.version), version)
    context.console.say(
        f"registered {version.name} version {version.version} as {version.status}, digest {version.digest[:12]}"
    )
    return RegisterOutputs(
        name=version.name,
        version=version.version,
        digest=version.digest,
        status=version.status,
        destination=version.destination,
    )


def _earlier(context: StageContext, version: ModelVersion) -> ModelVersion:
    """Return the version's document as an earlier try published it, if it names the same model; else the new one."""
    try:
        published = context.store.read(layout.model(version.name, version.version), ModelVersion)
    except NotFound:
        return version
    same = published.model_copy(update={"created_at": version.created_at, "delete_after": version.delete_after})
    return published if same == version else version


def _version(context: StageContext, model: PinnedModel) -> ModelVersion:
    request, spec = context.request, context.request.spec
    if request.model_version is None:
        raise ContractError("no model version was allotted to this run")
    trained = context.outputs_of("train", TrainOutputs)
    evaluated = context.outputs_of("evaluate", EvaluateOutputs)
    created_at = request.inputs["evaluate"].finished_at
    goes_out = evaluated.passed and model.destination
    return ModelVersion(
        name=model.name,
        version=request.model_version,
        run_id=request.run_id,
        spec_digest=spec.content_digest(),
        digest=tree_digest(trained.model),
        files=trained.model,
        status="candidate" if evaluated.passed else "rejected",
        metrics=trained.metrics,
        gates=evaluated.gates,
        destination=f"{str(model.destination).rstrip('/')}/{request.model_version}/" if goes_out else None,
        created_at=created_at,
        delete_after=None if evaluated.passed else created_at + parse_duration(spec.retention.rejected),
    )
