"""The WSGI application: Django configured in one place, without a project; every request needs the run's token."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verbatim_runner.live.subject import Subject

SUBJECT = "verbatim.subject"
"""The key of the WSGI environment under which views find their training."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def build_application(subject: Subject, token: str) -> Application:
    """Return the application that serves one training.

    Args:
        subject: The training.
        token: What a request must carry as ``Authorization: Bearer …``; without it, 401.
    """
    _configure()
    from django.core.handlers.wsgi import WSGIHandler

    handler = WSGIHandler()
    expected = f"Bearer {token}".encode()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, expected):
            start_response("401 Unauthorized", [("Content-Type", "application/json"), ("WWW-Authenticate", "Bearer")])
            return [json.dumps({"error": "send the run's token: Authorization: Bearer $VERBATIM_LIVE_TOKEN"}).encode()]
        environ[SUBJECT] = subject
        answer: Iterable[bytes] = handler(environ, start_response)
        return answer

    return application


def _configure() -> None:
    from django.conf import settings

    if settings.configured:
        return
    settings.configure(
        ALLOWED_HOSTS=["*"],  # the token says who may ask, not the name that was asked
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,  # waitress limits bodies
        DEBUG=False,
        INSTALLED_APPS=[],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[],
        ROOT_URLCONF="verbatim_runner.live.urls",
        SECRET_KEY=secrets.token_urlsafe(),
        USE_I18N=False,
        USE_TZ=True,
    )
    logging.getLogger("django.request").setLevel(logging.ERROR)
