from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from verbatim import schema
from verbatim.request import RunRequest

if TYPE_CHECKING:
    import pytest
    from pydantic import BaseModel

REPOSITORY = Path(__file__).parents[2]


def test_the_generated_files_are_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main(["--check", str(REPOSITORY)]) == 0, capsys.readouterr().err


def test_a_stale_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    assert schema.main([str(tmp_path)]) == 0
    assert schema.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "docs/conf.md").write_text("old")
    assert schema.main(["--check", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("docs/conf.md is stale")
    assert (tmp_path / "docs/conf.md").read_text() == "old"


def test_every_key_of_the_conf_says_what_it_means() -> None:
    def undescribed(model: type[BaseModel], path: str) -> list[str]:
        own = [f"{path}{name}" for name, field in model.model_fields.items() if not field.description]
        inner = [schema._inner(field.annotation) for field in model.model_fields.values()]
        return own + [name for _, child in inner if child for name in undescribed(child, f"{child.__name__}.")]

    assert undescribed(RunRequest, "") == []
