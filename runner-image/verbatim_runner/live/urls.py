"""The live server's addresses."""

from __future__ import annotations

from django.urls import path  # noqa: TID253 - imported by Django alone, in the server's thread
from django.views.decorators.http import require_GET, require_http_methods, require_POST  # noqa: TID253

from verbatim_runner.live import views
from verbatim_runner.training.families.kubeflow import STATUS_PATH

urlpatterns = [
    path("status", require_GET(views.status)),
    path("metrics", require_http_methods(["GET", "POST"])(views.metrics)),
    path("logs", require_GET(views.logs)),
    path("cancel", require_POST(views.cancel)),
    path(STATUS_PATH.lstrip("/").format(job="<str:job>"), require_POST(views.trainer_status)),
]
handler400 = views.bad_request
handler404 = views.not_found
handler500 = views.broken
