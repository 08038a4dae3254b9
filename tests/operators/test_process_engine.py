"""The process engine with a zipapp that says what it is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.stage import StageSecrets
from verbatim_operators.engines.base import Launch
from verbatim_operators.engines.process import ProcessEngine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageRequest

    MakeRequest = Callable[..., StageRequest]

SAYS_ITS_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture
def environment_given(settings: PlatformSettings, make_request: MakeRequest, tmp_path: Path) -> Callable[[], Any]:
    """Gives the environment of a stage."""
    runner = tmp_path / "runner.pyz"
    runner.write_text(SAYS_ITS_ENVIRONMENT)
    engine = ProcessEngine(settings.model_copy(update={"runner": str(runner), "wheels": "/srv/wheels"}))
    request = make_request().model_copy(update={"engine": "process", "cache_dir": settings.cache_dir})

    def give() -> Any:
        lines: list[str] = []
        assert engine.run(Launch(request, StageSecrets()), lines.append).exit_code == 0
        return json.loads(lines[0])

    return give


def test_a_stage_is_told_how_packages_are_reached_and_nothing_else(
    environment_given: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "PIP_EXTRA_INDEX_URL": "https://more.example/simple",
        "UV_INDEX_URL": "https://index.example/simple",
        "GIT_SSL_CAINFO": "/etc/authorities.pem",
        "all_proxy": "http://proxy.example:3128",
    }
    for name, value in {**told, "AWS_SECRET_ACCESS_KEY": "hush", "UV_FIND_LINKS": "https://links.example"}.items():
        monkeypatch.setenv(name, value)
    given = environment_given()
    assert {name: given.get(name) for name in told} == told
    assert given["UV_FIND_LINKS"] == "/srv/wheels"
    assert "AWS_SECRET_ACCESS_KEY" not in given
