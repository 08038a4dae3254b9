from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from verbatim.errors import PlatformFault
from verbatim.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file, in an environment without settings."""
    for name in ("CONFIG", "STORE_URL", "CATALOG_URL", "ENGINE", "RUNNER", "CACHE_DIR", "WHEELS"):
        monkeypatch.delenv(f"VERBATIM_{name}", raising=False)
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VERBATIM_HOME", str(tmp_path / "home"))
    return tmp_path / "platform.yaml"


def test_without_own_values_everything_lies_under_the_home(file: Path, tmp_path: Path) -> None:
    file.write_text("")
    settings = load_settings(file)
    assert settings.store_url == f"file://{tmp_path}/home/store"
    assert settings.catalog_url == f"sqlite:///{tmp_path}/home/catalog.db"
    assert settings.cache_dir == f"{tmp_path}/home/cache"


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("engine: docker\ncache_dir: /cache\n")
    monkeypatch.setenv("VERBATIM_ENGINE", "process")
    settings = load_settings(file)
    assert (settings.engine, settings.cache_dir) == ("process", "/cache")


def test_wheels_lie_where_pip_or_uv_looks_on_this_machine(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("")
    assert load_settings(file).wheels is None
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert load_settings(file).wheels == str(tmp_path)
    monkeypatch.setenv("UV_FIND_LINKS", "https://wheels.example/simple")
    assert load_settings(file).wheels == str(tmp_path)
    file.write_text("wheels: /srv/wheels\n")
    assert load_settings(file).wheels == "/srv/wheels"
    file.write_text("wheels: null\n")
    assert load_settings(file).wheels is None
    file.write_text("wheels: wheels\n")
    with pytest.raises(PlatformFault, match="absolute path"):
        load_settings(file)


def test_a_value_may_come_from_the_environment_whatever_is_in_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "a: [b #c")
    file.write_text("catalog_url: postgresql://verbatim:${DATABASE_PASSWORD}@db/verbatim\nfiles: {read: ['${HOME}']}\n")
    assert load_settings(file).catalog_url == "postgresql://verbatim:a: [b #c@db/verbatim"


def test_all_wrong_values_are_named(file: Path) -> None:
    file.write_text("engine: podman\nconnection: {}\n")
    with pytest.raises(PlatformFault) as raised:
        load_settings(file)
    text = str(raised.value)
    assert "engine: expected 'auto', 'docker' or 'process'; got \"podman\"." in text
    assert "the unknown key 'connection'. Did you mean 'connections'?" in text


@pytest.mark.parametrize("content", ["just text", "- a\n- b\n", "a: [", "\tx: 1"])
def test_a_file_that_holds_no_settings_is_a_platform_fault(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(PlatformFault, match=r"platform\.yaml"):
        load_settings(file)


def test_a_file_that_is_named_has_to_be_there(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlatformFault, match="not there"):
        load_settings(file)
    monkeypatch.setenv("VERBATIM_CONFIG", str(file))
    with pytest.raises(PlatformFault, match="not there"):
        load_settings()
    monkeypatch.delenv("VERBATIM_CONFIG")
    monkeypatch.chdir(tmp_path / "..")
    assert load_settings().engine == "auto"
