"""What the live server answers. All bodies are JSON but the log's."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: TID253 - imported by Django alone, in the server's thread

from verbatim_runner.live.application import SUBJECT
from verbatim_runner.live.kubeflow import parse_report
from verbatim_runner.metrics.readings import Reading, as_number, as_step

if TYPE_CHECKING:
    from verbatim_runner.live.subject import Subject
    from verbatim_runner.metrics.recorder import Point

MAX_POINTS = 10_000
MAX_LOG_BYTES = 1024 * 1024


def status(request: HttpRequest) -> HttpResponse:
    """``GET /status``: the step, the time it took so far, how far it says it is, the last metrics."""
    subject = _subject(request)
    last = {name: _json_number(value) for name, value in subject.recorder.last_values().items()}
    told = {"progress": subject.progress, "points": subject.recorder.count, "metrics": last}
    return JsonResponse({**subject.status(), **told})


def metrics(request: HttpRequest) -> HttpResponse:
    """``GET /metrics?since=N``: points after the N-th, and the next N. ``POST /metrics``: report some."""
    return _report(request) if request.method == "POST" else _points(request)


def logs(request: HttpRequest) -> HttpResponse:
    """``GET /logs?offset=B``: the log's bytes from there, at most ``MAX_LOG_BYTES``; ``X-Next-Offset`` goes on."""
    offset = _count(request, "offset")
    if offset is None:
        return _wrong("offset: expected a whole number of bytes, 0 or more")
    with _subject(request).log.open("rb") as log:
        log.seek(offset)
        content = log.read(MAX_LOG_BYTES)
    return HttpResponse(
        content, content_type="text/plain; charset=utf-8", headers={"X-Next-Offset": str(offset + len(content))}
    )


def cancel(request: HttpRequest) -> HttpResponse:
    """``POST /cancel``: stop the training; the run ends as cancelled, whatever its exit code."""
    _subject(request).stop.set()
    return JsonResponse({"cancelling": True}, status=202)


def trainer_status(request: HttpRequest, job: str) -> HttpResponse:  # noqa: ARG001 - there is one job here
    """``POST …/trainjobs/<job>/status``: what Kubeflow Trainer's clients report."""
    try:
        content = json.loads(request.body)
    except ValueError as error:
        return _wrong(f"the body is not JSON: {error}")
    report = parse_report(content)
    if isinstance(report, str):
        return _wrong(report)
    subject = _subject(request)
    subject.progress.update(report.progress)
    subject.recorder.add(report.readings, "http")
    return JsonResponse(content)


def bad_request(_request: HttpRequest, **_exception: Exception) -> HttpResponse:
    """400 for what Django itself refuses."""
    return _wrong("this request cannot be read")


def not_found(_request: HttpRequest, **_exception: Exception) -> HttpResponse:
    """404."""
    known = "GET /status, GET /metrics?since=N, GET /logs?offset=B, POST /metrics, POST /cancel and Kubeflow's status"
    return JsonResponse({"error": f"there is no such address; there are: {known}"}, status=404)


def broken(_request: HttpRequest) -> HttpResponse:
    """500."""
    return JsonResponse({"error": "the live server broke; the training goes on"}, status=500)


def _points(request: HttpRequest) -> HttpResponse:
    since = _count(request, "since")
    if since is None:
        return _wrong("since: expected a whole number, 0 or more")
    points, following = _subject(request).recorder.since(since, MAX_POINTS)
    return JsonResponse({"points": [_as_object(point) for point in points], "next": following})


def _report(request: HttpRequest) -> HttpResponse:
    try:
        content = json.loads(request.body)
    except ValueError as error:
        return _wrong(f"the body is not JSON: {error}")
    if isinstance(content, dict) and isinstance(content.get("metrics"), list):
        content = content["metrics"]
    items = content if isinstance(content, list) else [content]
    readings: list[Reading] = []
    for number, item in enumerate(items):
        reading = _reading(item)
        if isinstance(reading, str):
            return _wrong(f"metric {number}: {reading}")
        readings.append(reading)
    _subject(request).recorder.add(readings, "http")
    return JsonResponse({"accepted": len(readings)}, status=202)


def _reading(item: Any) -> Reading | str:
    """Return a metric's reading, or what is wrong with it."""
    if not isinstance(item, dict):
        return 'expected an object such as {"name": "loss", "value": 0.5, "step": 3}'
    if unknown := sorted(set(item) - {"name", "value", "step"}):
        return f"unknown key {unknown[0]!r}; known are name, value and step"
    name, value, step = item.get("name"), as_number(item.get("value")), item.get("step")
    if not isinstance(name, str) or not name:
        return "name: expected text"
    if value is None:
        return f"value: expected a number, got {json.dumps(item.get('value'))[:80]}"
    if step is not None and (isinstance(step, bool) or as_step(step) is None):
        return f"step: expected a whole number, got {json.dumps(step)[:80]}"
    return name, value, as_step(step)


def _subject(request: HttpRequest) -> Subject:
    subject: Subject = request.environ[SUBJECT]
    return subject


def _count(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _as_object(point: Point) -> dict[str, Any]:
    name, value, step, moment, source = point
    return {"name": name, "value": _json_number(value), "step": step, "time": moment, "source": source}


def _json_number(value: float) -> float | str:
    """Return a number as ``MetricPoint`` writes it: JSON has no NaN and no infinity."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _wrong(text: str) -> HttpResponse:
    return JsonResponse({"error": text}, status=400)
