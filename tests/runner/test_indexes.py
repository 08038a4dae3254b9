"""Private package indexes, with a server that demands a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from runner.package_index import PackageIndex, package_index, sdist, wheel

from verbatim.stage import Login, PrepareOutputs, StageResult, StageSecrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.conftest import Ground

PASSWORD = "hunter2-of-the-index"
SECRETS = StageSecrets(logins={"pypi_lab": Login(username="lab", password=PASSWORD)})


@pytest.fixture
def private() -> Iterator[PackageIndex]:
    with package_index(("lab", PASSWORD)) as made:
        yield made


def prepared(
    ground: Ground, write_tree, private: PackageIndex, requirements: str, secrets: StageSecrets = SECRETS
) -> StageResult:
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
    conf = {"environment": {"indexes": [{"url": private.url, "connection": "pypi_lab"}]}}
    return ground.run(ground.request("prepare", conf, code), secrets)


def lock_of(ground: Ground, result: StageResult) -> str:
    assert isinstance(result.outputs, PrepareOutputs), result.error
    return ground.store.get_blob(result.outputs.environment.lock_digest).decode()


def files_with(ground: Ground, secret: str) -> list[str]:
    """Return the files below a test's directory that hold a text, but for the hand-over itself."""
    found = (path for path in ground.root.rglob("*") if path.is_file() and "input" not in path.parts)
    return [str(path) for path in found if secret.encode() in path.read_bytes()]


def test_a_private_package_is_installed_and_its_login_is_nowhere(ground, write_tree, index, private, capfd):
    private.add(wheel("secret", "1.0", requires=("six",)))
    index.add(wheel("six", "1.0"))
    lock = lock_of(ground, prepared(ground, write_tree, private, "secret\n"))
    assert [line.split()[0] for line in lock.splitlines() if "==" in line] == ["secret==1.0", "six==1.0"]
    assert PASSWORD not in "".join(capfd.readouterr())
    assert files_with(ground, PASSWORD) == []
    assert not any(login for _, login in index.asked)


def test_the_first_index_that_has_a_name_is_the_only_one_for_it(ground, write_tree, index, private):
    private.add(wheel("secret", "1.0"))
    index.add(wheel("secret", "99.0"))
    assert lock_of(ground, prepared(ground, write_tree, private, "secret\n")).startswith("secret==1.0 ")


def test_a_wrong_login_is_said_in_one_line_and_nothing_is_taken_elsewhere(ground, write_tree, index, private, capfd):
    private.add(wheel("secret", "1.0"))
    index.add(wheel("secret", "99.0"))
    wrong = "not-the-password"
    secrets = StageSecrets(logins={"pypi_lab": Login(username="lab", password=wrong)})
    result = prepared(ground, write_tree, private, "secret\n", secrets)
    assert result.error is not None
    assert (result.error.kind, result.error.field) == ("user", "environment.indexes")
    assert "pypi_lab" in result.error.message
    assert wrong not in result.model_dump_json() + "".join(capfd.readouterr())
    assert files_with(ground, wrong) == []


def test_what_a_private_index_has_as_source_alone_is_refused(ground, write_tree, index, private):
    private.add(sdist("secret", "1.0"))
    result = prepared(ground, write_tree, private, "secret\n")
    assert result.error is not None
    assert (result.error.kind, result.error.field) == ("user", "environment.indexes")
    assert "secret has no wheel" in result.error.message


def test_a_login_that_was_not_handed_over_is_the_platforms_fault(ground, write_tree, index, private):
    result = prepared(ground, write_tree, private, "six\n", StageSecrets())
    assert result.error is not None
    assert (result.error.kind, "pypi_lab" in result.error.message) == ("platform", True)


def test_no_login_is_sent_in_the_clear(ground, write_tree, index):
    result = prepared(ground, write_tree, PackageIndex(url="http://pypi.example/simple/"), "six\n")
    assert result.error is not None
    assert (result.error.kind, result.error.field) == ("user", "environment.indexes")


def test_an_index_that_does_not_answer_is_worth_a_retry(ground, write_tree, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": "six\n"}))
    result = ground.run(ground.request("prepare", code=code))
    assert result.error is not None
    assert result.error.kind == "platform"


def test_a_version_that_a_private_index_does_not_have_is_not_taken_for_a_refused_login(
    ground, write_tree, index, private
):
    private.add(wheel("secret", "1.0"))
    result = prepared(ground, write_tree, private, "secret>2\n")
    assert "only secret==1.0 is available" in result.error.message
