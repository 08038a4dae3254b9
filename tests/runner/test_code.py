"""The code blob of a git commit: private repositories, submodules and LFS pointers, fetched as prepare does."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from code_servers import PASSWORD, USER, commit, git, make_repository

from verbatim.connections import Connection, login_of
from verbatim.errors import PlatformFault, UserFault, VerbatimError
from verbatim.spec import PinnedCode
from verbatim.stage import CodeRef, StageSecrets
from verbatim.tree import list_tree, unpack_tree
from verbatim_runner.sources.code import store_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from code_servers import SshServer, WebServer
    from runner.conftest import Ground

TEAM = Connection("team", "git", USER, PASSWORD)
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


class Fetching:
    """Fetches commits in stages of their own; keeps what they said."""

    def __init__(self, ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
        self.ground, self.warnings, self._capsys = ground, list[str](), capsys
        self.said = ""

    def __call__(self, url: str, commit: str, connection: Connection | None = None, **code: Any) -> CodeRef:
        pinned = PinnedCode(kind="git", url=url, commit=commit, connection=connection and connection.name, **code)
        logins = {connection.name: login_of(connection)} if connection else {}
        context = self.ground.context(self.ground.request("prepare", code=pinned), StageSecrets(logins=logins))
        try:
            return store_code(context)
        finally:
            self.warnings = context.warnings
            self.said += self._capsys.readouterr().out
            assert not (context.work_dir / "login").exists()
            shutil.rmtree(context.work_dir)

    def fault(self, *arguments: Any, **code: Any) -> VerbatimError:
        with pytest.raises(VerbatimError) as raised:
            self(*arguments, **code)
        return raised.value

    def files(self, code: CodeRef) -> list[str]:
        target = self.ground.root / f"unpacked-{code.digest}"
        self.ground.store.fetch_blob(code.digest, self.ground.root / "code.tar")
        unpack_tree(self.ground.root / "code.tar", target, max_bytes=10**7, max_files=1000)
        return list_tree(target)


@pytest.fixture
def fetch(ground: Ground, capsys: pytest.CaptureFixture[str]) -> Fetching:
    return Fetching(ground, capsys)


def test_a_private_commit_is_fetched_with_its_login_which_nothing_keeps(fetch: Fetching, web_server: WebServer) -> None:
    older = make_repository(web_server.root / "git/churn", {"train.py": "1"})
    commit(web_server.root / "git/churn", {"train.py": "2", "more.py": ""})
    code = fetch(f"{web_server.url}/git/churn", older, TEAM)
    assert (fetch.files(code), code.commit) == (["train.py"], older)
    moment = int(git(web_server.root / "git/churn", "log", "-1", "--format=%ct", older))
    assert int(code.committed_at.timestamp()) == moment
    kept = b"".join(path.read_bytes() for path in fetch.ground.root.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept.replace((web_server.root / "x").as_posix().encode(), b"")
    assert PASSWORD not in fetch.said


def test_a_login_that_is_refused_now_is_the_users_fault_and_not_shown(fetch: Fetching, web_server: WebServer) -> None:
    head = make_repository(web_server.root / "git/churn", {"train.py": "1"})
    url = f"{web_server.url}/git/churn"
    fault = fetch.fault(url, head, Connection("team", "git", USER, "canary/%"))
    assert (type(fault), fault.field) == (UserFault, "code.connection")
    assert "canary" not in str(fault) + fetch.said
    assert fetch.fault(url, head).field == "code.connection"
    assert isinstance(fetch.fault("http://127.0.0.1:9/churn", head, TEAM), PlatformFault)


def test_a_commit_is_fetched_over_ssh(fetch: Fetching, ssh_server: SshServer) -> None:
    head = make_repository(ssh_server.root / "churn", {"train.py": "1"})
    extra = {"private_key": ssh_server.private_key, "known_hosts": ssh_server.known_hosts}
    code = fetch(f"{ssh_server.url}/churn", head, Connection("team", "ssh", None, None, extra))
    assert fetch.files(code) == ["train.py"]


def with_submodule(parent: Path, url: str, path: str, head: str) -> str:
    """Commit a submodule as git would, without fetching it."""
    git(parent, "config", "-f", ".gitmodules", f"submodule.{path}.path", path)
    git(parent, "config", "-f", ".gitmodules", f"submodule.{path}.url", url)
    git(parent, "add", ".gitmodules")
    git(parent, "update-index", "--add", "--cacheinfo", f"160000,{head},{path}")
    git(parent, "commit", "-qm", "with a submodule")
    return git(parent, "rev-parse", "HEAD")


def test_submodules_are_fetched_all_the_way_down_with_the_login_of_their_server(
    fetch: Fetching, web_server: WebServer
) -> None:
    root = web_server.root / "git/team"
    inner = make_repository(root / "inner", {"x.py": ""})
    make_repository(root / "lib", {"lib.py": ""})
    lib = with_submodule(root / "lib", f"{web_server.url}/git/team/inner", "deep/inner", inner)
    make_repository(root / "churn", {"train.py": ""})
    head = with_submodule(root / "churn", "../lib", "lib", lib)
    code = fetch(f"{web_server.url}/git/team/churn", head, TEAM)
    assert fetch.files(code) == [".gitmodules", "lib/.gitmodules", "lib/deep/inner/x.py", "lib/lib.py", "train.py"]


def test_a_submodule_on_another_server_does_not_get_the_login(
    fetch: Fetching, make_web_server: Callable[[str], WebServer]
) -> None:
    web, other = make_web_server("web"), make_web_server("other")
    lib = make_repository(other.root / "git/lib", {"lib.py": ""})
    make_repository(web.root / "git/churn", {"train.py": ""})
    head = with_submodule(web.root / "git/churn", f"{other.url}/git/lib", "lib", lib)
    fault = fetch.fault(f"{web.url}/git/churn", head, TEAM)
    assert isinstance(fault, UserFault)
    assert "the submodule 'lib' cannot be had" in fault.message
    assert {sent for _, sent in other.authorizations} == {None}
    other.public.append("/")
    assert "lib/lib.py" in fetch.files(fetch(f"{web.url}/git/churn", head, TEAM))


def test_a_submodule_that_cannot_be_had_is_named(fetch: Fetching, web_server: WebServer) -> None:
    web_server.public.append("/")
    root = web_server.root / "git"
    make_repository(root / "lib", {"lib.py": ""})
    for name, url, said in (("a", "../gone", "'sub' cannot be had"), ("b", "../lib", "no commit 1111"),
                            ("c", "file:///etc/lib", "'sub' is at")):  # fmt: skip
        make_repository(root / name, {"train.py": ""})
        head = with_submodule(root / name, url, "sub", "1" * 40)
        fault = fetch.fault(f"{web_server.url}/git/{name}", head)
        assert isinstance(fault, UserFault)
        assert said in fault.message, fault.message


def test_a_submodule_of_this_machine_is_read_only_where_pinning_allowed_it(fetch: Fetching, tmp_path: Path) -> None:
    lib = make_repository(tmp_path / "srv/lib", {"lib.py": ""})
    make_repository(tmp_path / "srv/churn", {"train.py": ""})
    head = with_submodule(tmp_path / "srv/churn", "../lib", "lib", lib)
    url = f"file://{tmp_path}/srv/churn"
    assert "which this run may not read" in fetch.fault(url, head).message
    assert "lib/lib.py" in fetch.files(fetch(url, head, local_submodules=(f"{tmp_path}/srv/lib",)))


def test_a_submodule_that_nothing_describes_stays_empty_with_a_warning(fetch: Fetching, tmp_path: Path) -> None:
    make_repository(tmp_path / "churn", {"train.py": ""})
    git(tmp_path / "churn", "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(tmp_path / "churn", "commit", "-qm", "a repository added by mistake")
    code = fetch(f"file://{tmp_path}/churn", git(tmp_path / "churn", "rev-parse", "HEAD"))
    assert fetch.files(code) == ["train.py"]
    assert "'lib' stays empty" in fetch.warnings[0]


def test_lfs_pointers_are_told_each_time_the_largest_first(fetch: Fetching, tmp_path: Path) -> None:
    pointers = {
        f"data/{name}.bin": POINTER.format("a" * 64, size) for name, size in {"a": 5, "b": 10**9, "c": 7}.items()
    }
    head = make_repository(
        tmp_path / "churn",
        {"train.py": POINTER.format("x", 1).replace("\n", ";"), ".gitattributes": "*.bin filter=lfs\n"} | pointers,
    )
    for _ in range(2):
        code = fetch(f"file://{tmp_path}/churn", head)
        assert code.lfs_pointers == ("data/b.bin", "data/c.bin", "data/a.bin")
        assert (
            "3 of the code's files are git LFS pointers, whose content is not fetched: data/b.bin" in fetch.warnings[0]
        )


def test_nothing_of_a_fetched_repository_is_run(fetch: Fetching, tmp_path: Path) -> None:
    files = {"hooks/post-checkout": f"#!/bin/sh\ntouch {tmp_path}/ran\n", ".gitattributes": "* filter=evil\n", "x": "1"}
    head = make_repository(tmp_path / "churn", files)
    (tmp_path / "churn/hooks/post-checkout").chmod(0o755)
    for key, value in {"core.hooksPath": "hooks", "filter.evil.smudge": f"touch {tmp_path}/ran",
                       "uploadpack.packObjectsHook": f"touch {tmp_path}/ran;"}.items():  # fmt: skip
        git(tmp_path / "churn", "config", key, value)
    fetch(f"file://{tmp_path}/churn", head)
    assert not (tmp_path / "ran").exists()


def test_a_link_out_of_the_repository_is_left_out_with_a_warning(fetch: Fetching, tmp_path: Path) -> None:
    make_repository(tmp_path / "churn", {"train.py": ""})
    (tmp_path / "churn/lake").symlink_to("/srv/lake")
    code = fetch(f"file://{tmp_path}/churn", commit(tmp_path / "churn", {}))
    assert fetch.files(code) == ["train.py"]
    assert "lake → /srv/lake" in fetch.warnings[0]
