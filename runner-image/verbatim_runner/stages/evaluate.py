"""evaluate: the user's evaluation command, if there is one, and then the gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import GateFailed, UserFault
from verbatim.gates import judge
from verbatim.stage import EvaluateOutputs, TrainOutputs
from verbatim_runner.stage_context import StageContext, StageFailed

if TYPE_CHECKING:
    from verbatim.documents import FileRef


def run(context: StageContext) -> EvaluateOutputs:
    """Judge the gates on the metrics' last values; those of the evaluation command come before training's own.

    Raises:
        StageFailed: With all verdicts. A gate was not met; or it is on a metric that was never reported, which is a
            fault of the conf and leaves nothing to register.
        UserFault: The evaluation command failed.
    """
    spec = context.request.spec
    trained = context.outputs_of("train", TrainOutputs)
    metrics = {name: summary.last for name, summary in trained.metrics.items()}
    artifacts: tuple[FileRef, ...] = ()
    if spec.evaluation.command:
        from verbatim_runner.evaluation import run_evaluation

        measured, artifacts = run_evaluation(context, spec.evaluation.command, trained)
        metrics |= measured
    gates = judge(spec.gates, metrics)
    for gate in gates:
        context.console.say(f"gate {gate.condition}: {'passed' if gate.passed else 'FAILED'}, {gate.reason}")
    failed = [gate for gate in gates if not gate.passed]
    outputs = EvaluateOutputs(metrics=metrics, gates=gates, passed=not failed, artifacts=artifacts)
    unreported = [(number, gate) for number, gate in enumerate(gates) if gate.value is None]
    if unreported:
        reasons = "; ".join(gate.reason for _, gate in unreported)
        raise StageFailed(UserFault(reasons, field=f"gates.{unreported[0][0]}.metric"), outputs)
    if failed:
        noun = "1 gate was" if len(failed) == 1 else f"{len(failed)} gates were"
        reasons = "; ".join(f"{gate.condition} ({gate.reason})" for gate in failed)
        raise StageFailed(GateFailed(f"{noun} not met: {reasons}", field="gates"), outputs)
    return outputs
