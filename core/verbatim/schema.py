"""The conf's JSON Schema and its reference in docs/, generated from the models; ``--check`` tells if they are stale.

::

    python -m verbatim.schema [--check] [REPOSITORY]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticUndefined, to_jsonable_python

from verbatim.fields import NAME
from verbatim.problems import in_words, without_null
from verbatim.request import RunRequest, parse_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

EXAMPLE: dict[str, Any] = {
    "experiment": "churn",
    "code": {"url": "https://git.example/team/churn.git", "ref": "main"},
    "command": "python train.py --data {channels.train}",
    "parameters": {"epochs": 5, "learning_rate": 0.1},
    "data": {
        "train": {
            "hive": {"connection": "hive_lake", "query": "SELECT * FROM events WHERE ts < {{ as_of }} ORDER BY id"},
            "sample": {"fraction": 0.1, "key": "user_id", "seed": 7},
        },
        "test": {"s3": {"uri": "s3://lake/churn/dt={{ as_of | ds }}/", "connection": "s3_lake"}},
    },
    "validation": {"train": "expectations/train.json"},
    "metrics": [{"name": "val_auc", "regex": "val_auc=([0-9.eE+-]+)"}],
    "gates": [{"metric": "val_auc", "min": 0.8}],
    "model": {"destination": "s3://models/churn/", "connection": "s3_lake"},
    "promotion": "auto",
    "resources": {"cpus": 2, "memory": "4g", "timeout": "2h"},
}

REFERENCE = """\
<!-- Generated from core/verbatim/request.py by `python -m verbatim.schema`; do not edit. -->
# The conf

One JSON object says what to run. The least that works:

```json
{{"code": "https://git.example/team/churn.git"}}
```

An unknown key is an error. At the top level `null` stands for "not given", except in `model`, where it says that the
run makes no model. Names (of experiments, channels and models) are {names}.
[conf.schema.json](conf.schema.json) is the same as a JSON Schema, for editors.

What it means is said elsewhere: [code](code.md), [how it starts](starting.md), [its environment](environments.md),
[data](data.md) with its [sources](sources.md), [queries](queries.md), [samples](samples.md),
[validation](validation.md) and [waiting](waiting.md), [metrics](metrics.md), [outputs](outputs.md).

```json
{example}
```

{tables}"""


def json_schema() -> str:
    """Return the conf's JSON Schema as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **RunRequest.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def reference() -> str:
    """Return the conf's reference as Markdown."""
    parse_request(EXAMPLE)
    tables = "\n".join(_table(path, model) for path, model in _objects("", RunRequest))
    return REFERENCE.format(example=json.dumps(EXAMPLE, indent=2), names=NAME, tables=tables)


def main(arguments: list[str] | None = None) -> int:
    """Write both files, or with ``--check`` name those that are stale and return 1."""
    parser = argparse.ArgumentParser(prog="verbatim.schema", description="Writes the conf's JSON Schema and reference.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is stale")
    parser.add_argument("repository", type=Path, nargs="?", default=Path(), help="the repository's root")
    given = parser.parse_args(arguments)
    stale = 0
    for name, content in (("docs/conf.schema.json", json_schema()), ("docs/conf.md", reference())):
        path = given.repository / name
        if not given.check:
            path.write_text(content, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != content:
            print(f"{name} is stale; write it anew: python -m verbatim.schema", file=sys.stderr)
            stale = 1
    return stale


def _objects(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield an object's place in the conf and its model, and so for the objects within it."""
    yield path, model
    for name, field in model.model_fields.items():
        step, inner = _inner(field.annotation)
        if inner:
            yield from _objects(f"{path}.{name}{step}".lstrip("."), inner)


def _inner(annotation: Any) -> tuple[str, type[BaseModel] | None]:
    """Return the model of a field's objects, and how they are reached from the field: itself, by name, or in a list."""
    annotation = without_null(annotation)
    step = ""
    if get_origin(annotation) is dict:
        step, annotation = ".<name>", without_null(get_args(annotation)[1])
    elif get_origin(annotation) is tuple:
        step, annotation = "[]", without_null(get_args(annotation)[0])
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return step, annotation if is_model else None


def _table(path: str, model: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_default(field)} | {_in_cell(field.description or '')} |"
        for name, field in model.model_fields.items()
    ]
    summary = (model.__doc__ or "").splitlines()[0]
    title = f"## `{path}`" if path else "## Keys"
    return "\n".join(
        [title, "", summary, "", "| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]
    )


def _in_cell(text: str) -> str:
    """Return text as a cell of a table holds it: a bar would end the cell."""
    return text.replace("|", r"\|")


def _type(field: FieldInfo) -> str:
    for note in field.metadata:
        if isinstance(note, BeforeValidator):  # what is read is wider than what it becomes
            return in_words(note.json_schema_input_type)
    return in_words(field.annotation)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default is PydanticUndefined:
        return ""
    if isinstance(default, BaseModel):
        return "see below"
    return f"`{json.dumps(to_jsonable_python(default))}`"


if __name__ == "__main__":
    sys.exit(main())
