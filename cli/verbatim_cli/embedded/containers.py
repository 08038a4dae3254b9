"""What the CLI asks of the Docker engine, over its HTTP API: does it answer, has it the image, whose containers run.

No container SDK: that belongs to the operators' docker engine alone. Nothing is started here.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

if TYPE_CHECKING:
    from collections.abc import Container

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
RUN_LABEL = "verbatim.run"
TIMEOUT_S = 5.0
REMOVAL_TIMEOUT_S = 60.0


def _client() -> httpx.Client:
    host = os.environ.get("DOCKER_HOST") or DEFAULT_SOCKET
    if host.startswith("unix://"):
        transport = httpx.HTTPTransport(uds=host.removeprefix("unix://"), verify=False)
        return httpx.Client(transport=transport, base_url="http://docker", timeout=TIMEOUT_S)
    return httpx.Client(base_url=host.replace("tcp://", "http://", 1), timeout=TIMEOUT_S, trust_env=False)


def why_not_docker(image: str) -> str | None:
    """Return why stages cannot run in containers of this image; None when they can."""
    try:
        with _client() as client:
            client.get("/_ping").raise_for_status()
            if client.get(f"/images/{quote(image)}/json").status_code == httpx.codes.NOT_FOUND:
                return f"the image {image} is not there; build it with: make image"
    except (httpx.HTTPError, httpx.InvalidURL):
        return "no Docker engine answers"
    return None


def remove_stage_containers(run_ids: Container[str]) -> int:
    """Remove the stage containers of these runs with their anonymous volumes.

    Returns:
        How many were removed; 0 where no engine answers.
    """
    try:
        with _client() as client:
            query = {"all": "true", "filters": json.dumps({"label": [RUN_LABEL]})}
            found = client.get("/containers/json", params=query).raise_for_status().json()
            ours = [item["Id"] for item in found if item["Labels"][RUN_LABEL] in run_ids]
            return sum(_remove(client, identifier) for identifier in ours)
    except (httpx.HTTPError, httpx.InvalidURL):
        return 0


def _remove(client: httpx.Client, identifier: str) -> bool:
    try:
        removal = {"force": "true", "v": "true"}
        return client.delete(f"/containers/{identifier}", params=removal, timeout=REMOVAL_TIMEOUT_S).is_success
    except httpx.HTTPError:
        return False
