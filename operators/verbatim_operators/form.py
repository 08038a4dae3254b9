"""The trigger form: Airflow Params made from the run request's model, in sections. The keys are the conf's own.

A Param's schema is checked by Airflow before any task runs, with messages that say little. So the schemas here only
choose how a field is shown and accept every value: ``pin`` is the one judge of a conf, whether it comes from the form,
the REST API or the command line. What the form leaves empty arrives as null, which a conf reads as "not given".
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from verbatim.request import Gate, RunRequest, parse_request

UNFOLDED = ("code", "experiment", "command", "entry_point", "parameters")
"""Shown at once: Airflow folds every section up but the one of the fields that name none."""
SECTIONS: dict[str, tuple[str, ...]] = {
    "Data": ("data", "as_of", "wait_for", "validation"),
    "Metrics and gates": ("metrics", "evaluation", "gates"),
    "Model": ("model", "promotion", "retention"),
    "Where and how": ("resources", "environment", "seed", "resume_from"),
}
_EXAMPLES: dict[str, str] = {
    "code": "https://git.example/team/churn.git",
    "experiment": "churn",
    "command": "python train.py --verbose",
    "entry_point": "train_tuned",
    "parameters": '{"epochs": 5, "learning_rate": 0.1}',
    "data": '{"train": {"s3": {"connection": "s3_lake", "uri": "s3://lake/churn/train/"}}}',
    "as_of": "2026-11-20T00:00:00Z",
    "wait_for": '[{"s3": {"connection": "s3_lake", "uri": "s3://lake/dt={{ interval_start | ds }}/_SUCCESS"}}]',
    "validation": '{"train": "expectations/train.json"}',
    "metrics": '[{"name": "val_auc", "regex": "val_auc=([0-9.]+)"}]',
    "evaluation": '{"command": "python evaluate.py"}',
    "gates": '[{"metric": "val_auc", "min": 0.8}]',
    "model": '{"name": "churn", "destination": "s3://models/churn/", "connection": "s3_models"}',
    "promotion": "none, auto or manual",
    "resources": '{"cpus": 2, "memory": "4g", "timeout": "2h"}',
    "environment": '{"as_of": "2026-11-01"}',
    "resume_from": "churn-20261120T042010-9f3c1a",
    "retention": '{"rejected": "30d"}',
}
_KINDS = {"gates": Gate}
_DEFAULTS: dict[str, Any] = parse_request({"code": "any"}).model_dump(mode="json", exclude_none=True) | {"code": ""}
_ANY_TYPE = ["string", "object", "array", "number", "integer", "boolean"]


def train_params() -> dict[str, Param]:
    """Return the form's fields, one for each key of the conf, in the order in which they are shown."""
    unfolded = {name: _param(name) for name in UNFOLDED}
    return unfolded | {name: _param(name, title) for title, names in SECTIONS.items() for name in names}


def _param(name: str, section: str | None = None) -> Param:
    value = _DEFAULTS.get(name)
    folded: dict[str, Any] = {"section": section} if section else {}
    example = f" For example: `{_EXAMPLES[name]}`" if name in _EXAMPLES else ""
    return Param(
        value,
        title=name.replace("_", " ").capitalize(),
        description_md=f"{_meaning(name)}.{example}",
        **folded,
        **_shown_as(name, value),
    )


def _meaning(name: str) -> str:
    """Return what the model says of a field, or of the field's own kind where that says enough."""
    field = RunRequest.model_fields[name]
    text = field.description or _KINDS.get(name, field.annotation).__doc__ or name
    first = text.strip().split("\n")[0].rstrip(".")
    return first[0].upper() + first[1:]


def _shown_as(name: str, value: Any) -> dict[str, Any]:
    """Return the schema that makes Airflow's form show the right field; see ``FieldSelector.tsx`` in its sources.

    Several types: a text area that takes text or JSON (without ``null`` it must not be left empty). No type: by the
    value's own. ``items`` of several types: a JSON editor.
    """
    if name == "code":
        return {"type": _ANY_TYPE}
    if name == "command":
        return {"type": [*_ANY_TYPE, "null"]}
    if isinstance(value, list):
        return {"items": {"type": [*_ANY_TYPE, "null"]}}
    return {}
