"""Metrics from JSON: a line that is an object with numbers, in the output or in a file of the output directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from verbatim_runner.metrics.readings import STEP_NAMES, Reading, as_number, as_step, is_metric_name

MAX_DEPTH = 4


class JsonReader:
    """Reads lines that are JSON objects."""

    source = "json"

    def read(self, line: str) -> list[Reading] | None:
        """Return the numbers of a JSON object; None where the line is none."""
        if "{" not in line:
            return None
        text = line.strip()
        if not (text.startswith("{") and text.endswith("}")):
            return None
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return read_object(content)


def read_object(content: Mapping[str, Any]) -> list[Reading]:
    """Return the readings of one JSON object.

    Args:
        content: ``{"loss": 0.5, "step": 3}``, the same with the metrics under ``"metrics"``, or one metric as
            ``{"metric": "loss", "value": 0.5}`` (``"name"`` is read like ``"metric"``).
    """
    step = next((as_step(content[name]) for name in STEP_NAMES if name in content), None)
    name = content.get("metric", content.get("name"))
    if isinstance(name, str) and name and (value := as_number(content.get("value"))) is not None:
        return [(name, value, step)]
    inner = content.get("metrics")
    values = {**content, **inner} if isinstance(inner, Mapping) else content
    numbers = ((key, as_number(value)) for key, value in values.items() if key and is_metric_name(key))
    return [(key, number, step) for key, number in numbers if number is not None]


def flattened(content: Mapping[str, Any], depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return an object of objects (``{"test": {"auc": 0.9}}``) as one, with names such as ``test/auc``."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping) and key != "metrics" and depth:
            flat |= {f"{key}/{inner}": item for inner, item in flattened(value, depth - 1).items()}
        else:
            flat[key] = value
    return flat
