"""Imports that no package index has: left out with a warning where nobody declared them."""

from __future__ import annotations

import pytest
from runner.package_index import PackageIndex, wheel

from verbatim.stage import PrepareOutputs


@pytest.fixture
def index(index: PackageIndex) -> PackageIndex:
    index.add(wheel("six", "1.0"))
    return index


@pytest.mark.usefixtures("index")
def test_an_import_that_no_index_has_is_left_out_and_named(ground, write_tree):
    project = {"train.py": "import six\n\ndef report():\n    import obs\n    import labtools\n"}
    result = ground.run(ground.request("prepare", code=ground.store_directory(write_tree(project))))

    assert isinstance(result.outputs, PrepareOutputs), result.error
    assert result.outputs.environment.packages == 1
    named = " ".join(result.warnings)
    assert "obs" in named
    assert "labtools" in named


@pytest.mark.usefixtures("index")
def test_a_declared_package_that_no_index_has_is_an_error(ground, write_tree):
    project = {"train.py": "import six\n", "requirements.txt": "six\nobs\n"}
    result = ground.run(ground.request("prepare", code=ground.store_directory(write_tree(project))))

    assert "obs was not found in the package registry" in result.error.message
