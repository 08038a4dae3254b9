"""Dependencies from private git repositories, with a server that demands a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from code_servers import PASSWORD, USER, commit, make_repository
from runner.package_index import BACKEND

from verbatim.spec import PinnedCode
from verbatim.stage import Login, PrepareOutputs, StageResult, StageSecrets
from verbatim_runner.environment.build import ensure_environment

if TYPE_CHECKING:
    from code_servers import WebServer
    from runner.conftest import Ground

SECRETS = StageSecrets(logins={"team": Login(username=USER, password=PASSWORD)})
PACKAGE = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": BACKEND.format(name="ours", version="1.0"),
}


def prepared(ground: Ground, web_server: WebServer, requirements: str) -> StageResult:
    head = make_repository(web_server.root / "git/churn", {"train.py": "", "requirements.txt": requirements})
    code = PinnedCode(kind="git", url=f"{web_server.url}/git/churn", commit=head, connection="team")
    return ground.run(ground.request("prepare", code=code), SECRETS)


def test_a_dependency_on_the_codes_server_is_built_without_its_login(ground, web_server, capfd):
    head = make_repository(web_server.root / "git/ours", PACKAGE)
    result = prepared(ground, web_server, f"ours @ git+{web_server.url}/git/ours@main\n")
    assert isinstance(result.outputs, PrepareOutputs), result.error
    made = result.outputs.environment
    lock = ground.store.get_blob(made.lock_digest).decode()
    assert lock.strip() == f"ours @ git+{web_server.url}/git/ours@{head}"
    assert PASSWORD not in lock + result.model_dump_json() + "".join(capfd.readouterr())
    again = ensure_environment(ground.context(ground.request("train")), made.lock_digest, made.python)
    assert (again.cached, next(again.bin_dir.parent.rglob("ours.py")).read_text()) == (True, "VERSION = '1.0'")


def test_a_short_commit_will_do(ground, web_server):
    older = make_repository(web_server.root / "git/ours", PACKAGE)
    commit(web_server.root / "git/ours", {"more.py": ""})
    result = prepared(ground, web_server, f"ours @ git+{web_server.url}/git/ours@{older[:8]}\n")
    assert isinstance(result.outputs, PrepareOutputs), result.error
    assert older in ground.store.get_blob(result.outputs.environment.lock_digest).decode()


def test_a_part_of_a_repository_keeps_its_place_in_the_lock(ground, web_server):
    head = make_repository(web_server.root / "git/ours", {f"python/{name}": text for name, text in PACKAGE.items()})
    result = prepared(ground, web_server, f"ours @ git+{web_server.url}/git/ours#subdirectory=python\n")
    assert isinstance(result.outputs, PrepareOutputs), result.error
    lock = ground.store.get_blob(result.outputs.environment.lock_digest).decode()
    assert lock.strip() == f"ours @ git+{web_server.url}/git/ours@{head}#subdirectory=python"


def test_a_dependency_that_is_not_there_is_the_users_fault(ground, web_server, capfd):
    result = prepared(ground, web_server, f"ours @ git+{web_server.url}/git/nowhere\n")
    assert result.error is not None
    assert (result.error.kind, "git/nowhere" in result.error.message) == ("user", True)
    assert PASSWORD not in result.model_dump_json() + "".join(capfd.readouterr())


def test_another_server_is_never_sent_the_codes_login(ground, web_server, make_web_server):
    other = make_web_server("other")
    make_repository(other.root / "git/ours", PACKAGE)
    result = prepared(ground, web_server, f"ours @ git+{other.url}/git/ours\n")
    assert result.error is not None
    assert other.url.partition("//")[2] in result.error.message


def test_code_that_is_not_in_git_has_no_login_to_lend(ground, web_server, write_tree):
    make_repository(web_server.root / "git/ours", PACKAGE)
    requirements = f"ours @ git+{web_server.url}/git/ours\n"
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
    archive = {"kind": "archive", "url": f"{web_server.url}/churn.zip", "connection": "team"}
    result = ground.run(ground.request("prepare", code=code.model_copy(update=archive)))
    assert result.error is not None
    assert (result.error.kind, "git/ours" in result.error.message) == ("user", True)
