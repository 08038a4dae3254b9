"""environment.as_of, with an index whose releases have dates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runner.package_index import sdist, wheel

from verbatim.stage import PrepareOutputs, StageResult

if TYPE_CHECKING:
    from runner.conftest import Ground

FOREIGN = "cp27-cp27mu-manylinux1_x86_64"


def prepared(ground: Ground, write_tree, requirements: str, as_of: str, committed_at: str | None) -> StageResult:
    """Prepare code whose last commit is of a moment."""
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
    moment = datetime.fromisoformat(committed_at) if committed_at else None
    code = code.model_copy(update={"committed_at": moment})
    return ground.run(ground.request("prepare", {"environment": {"as_of": as_of}}, code))


def taken(ground: Ground, result: StageResult) -> tuple[list[str], datetime | None]:
    assert isinstance(result.outputs, PrepareOutputs), result.error
    lock = ground.store.get_blob(result.outputs.environment.lock_digest).decode()
    pins = [line.split()[0] for line in lock.splitlines() if not line.startswith(" ")]
    return pins, result.outputs.environment.as_of


def test_the_commits_date_is_taken_where_all_has_wheels(ground, write_tree, index):
    index.add(wheel("six", "1.0"), "2019-01-01T00:00:00Z")
    index.add(wheel("six", "2.0"), "2021-01-01T00:00:00Z")
    result = prepared(ground, write_tree, "six\n", "commit", "2020-06-01T10:00:00+00:00")
    assert taken(ground, result) == (["six==1.0"], datetime(2020, 6, 1, 10, tzinfo=UTC))
    assert result.warnings == ()


def test_code_older_than_its_wheels_gets_the_first_day_that_has_them(ground, write_tree, index):
    index.add(wheel("numeric", "1.0", tag=FOREIGN), "2018-01-01T00:00:00Z")
    index.add(wheel("numeric", "2.0"), "2022-10-27T12:00:00Z")
    index.add(wheel("numeric", "3.0"), "2024-01-01T00:00:00Z")
    result = prepared(ground, write_tree, "numeric\n", "commit", "2018-06-01T00:00:00+00:00")
    assert taken(ground, result) == (["numeric==2.0"], datetime(2022, 10, 28, tzinfo=UTC))
    assert any("2018-06-01" in warning and "2022-10-28" in warning for warning in result.warnings)


def test_what_never_has_wheels_is_built_and_moves_no_date(ground, write_tree, index):
    index.add(sdist("pure", "1.0"), "2018-01-01T00:00:00Z")
    index.add(sdist("pure", "2.0"), "2023-01-01T00:00:00Z")
    index.add(wheel("six", "1.0"), "2018-01-01T00:00:00Z")
    result = prepared(ground, write_tree, "pure\nsix\n", "commit", "2020-01-01T00:00:00+00:00")
    assert taken(ground, result) == (["pure==1.0", "six==1.0"], datetime(2020, 1, 1, tzinfo=UTC))


def test_pins_that_no_date_can_install_are_refused_with_todays_reason(ground, write_tree, index):
    index.add(wheel("numeric", "1.0", tag=FOREIGN), "2018-01-01T00:00:00Z")
    index.add(wheel("numeric", "2.0"), "2022-10-27T12:00:00Z")
    result = prepared(ground, write_tree, "numeric==1.0\n", "commit", "2018-06-01T00:00:00+00:00")
    assert result.error is not None
    assert (result.error.kind, "numeric==1.0" in result.error.message) == ("user", True)
    assert '"environment": {"relax": true}' in result.error.message


def test_code_without_a_date_asks_for_one(ground, write_tree, index):
    index.add(wheel("six", "1.0"))
    result = prepared(ground, write_tree, "six\n", "commit", None)
    assert result.error is not None
    assert (result.error.kind, result.error.field) == ("user", "environment.as_of")
    assert '"environment": {"as_of": "' in result.error.message


def test_the_same_commit_is_not_resolved_twice(ground, write_tree, index):
    index.add(wheel("six", "1.0"), "2019-01-01T00:00:00Z")
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": "six\n"}))
    code = code.model_copy(update={"committed_at": datetime(2020, 1, 1, tzinfo=UTC)})
    conf = {"environment": {"as_of": "commit"}}
    first = taken(ground, ground.run(ground.request("prepare", conf, code)))
    index.files.clear()
    assert taken(ground, ground.run(ground.request("prepare", conf, code, try_number=2))) == first


def test_a_date_counts_for_added_imports_too(ground, write_tree, index):
    index.add(wheel("six", "1.0"), "2019-01-01T00:00:00Z")
    index.add(wheel("PyYAML", "1.0"), "2019-01-01T00:00:00Z")
    index.add(wheel("PyYAML", "2.0"), "2021-01-01T00:00:00Z")
    code = ground.store_directory(write_tree({"train.py": "import six\nimport yaml\n", "requirements.txt": "six\n"}))
    result = ground.run(ground.request("prepare", {"environment": {"as_of": "2020-01-01T00:00:00Z"}}, code))
    assert taken(ground, result)[0] == ["pyyaml==1.0", "six==1.0"]
    assert result.outputs.environment.added == ("PyYAML",)
