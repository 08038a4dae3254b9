"""What the end-to-end tests drive the platform with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow_api import AirflowApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_fixture import Platform


@pytest.fixture
def api(platform: Platform) -> Iterator[AirflowApi]:
    """Airflow's REST API of this session's platform, logged in as its administrator."""
    api = AirflowApi(platform.url, platform.user, platform.password)
    yield api
    api.close()
