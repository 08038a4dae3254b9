"""The benchmarks by name. A new one is a module with ``measure`` and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import environment, hive, metrics, overhead, s3, validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measurement import Measurement

BENCHMARKS: dict[str, Callable[[], list[Measurement]]] = {
    "overhead": overhead.measure,
    "metrics": metrics.measure,
    "environment": environment.measure,
    "validation": validation.measure,
    "s3": s3.measure,
    "hive": hive.measure,
}
