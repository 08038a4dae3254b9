"""Git repositories, public and private, as pinning resolves them."""

from __future__ import annotations

import subprocess
import tempfile
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from code_servers import PASSWORD, USER, commit, git, make_repository
from test_code_sources import Desk, desk

from verbatim.connections import Connection, is_for, login_of
from verbatim.errors import PlatformFault, UserFault
from verbatim.git_login import lent_access
from verbatim.git_refs import resolve
from verbatim.git_submodules import submodules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from code_servers import SshServer, WebServer

__all__ = ["desk"]


@pytest.fixture(autouse=True)
def _tracked_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give temporary files a place of the test's own, which must be empty when it ends."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    yield
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.fixture
def history(tmp_path: Path) -> list[str]:
    """The commits of a repository ``churn`` with ten of them, the oldest first."""
    make_repository(tmp_path / "churn", {"train.py": "0"})
    for number in range(1, 10):
        commit(tmp_path / "churn", {"train.py": str(number)})
    return git(tmp_path / "churn", "rev-list", "--reverse", "HEAD").splitlines()


# Refs


def test_a_short_commit_is_found_at_a_tip_and_deep_in_the_history(
    desk: Desk, tmp_path: Path, history: list[str]
) -> None:
    url = f"file://{tmp_path}/churn"
    assert [desk.pin(url, ref=sha[:8]).commit for sha in (history[-1], history[3])] == [history[-1], history[3]]
    assert desk.pin(url, ref=history[3][:8].upper()).commit == history[3]


def test_a_short_commit_that_no_or_many_commits_begin_with_is_told(tmp_path: Path, history: list[str]) -> None:
    url = f"file://{tmp_path}/churn"
    unknown = next(sha for sha in ("beefbeef", "deaddead") if not any(c.startswith(sha) for c in history))
    with pytest.raises(UserFault, match=f"no branch, tag or commit '{unknown}'"):
        resolve(url, unknown)
    stream = "".join(f"commit refs/heads/main\ncommitter a <a@b> {n} +0000\ndata 0\n\n" for n in range(1000))
    make_repository(tmp_path / "many", {})
    subprocess.run(
        ["git", "-C", tmp_path / "many", "fast-import", "--quiet", "--force"], input=stream.encode(), check=True
    )
    begins = [sha[:4] for sha in git(tmp_path / "many", "rev-list", "main").splitlines()]
    twice = next(begin for begin in begins if begins.count(begin) > 1 and begin != begins[0])
    with pytest.raises(UserFault, match="commits begin with"):
        resolve(f"file://{tmp_path}/many", twice)


def test_an_annotated_tag_names_its_commit_also_by_short_digits(tmp_path: Path, history: list[str]) -> None:
    git(tmp_path / "churn", "tag", "-am", "one", "v1", history[2])
    tag = git(tmp_path / "churn", "rev-parse", "v1")
    url = f"file://{tmp_path}/churn"
    assert (resolve(url, "v1"), resolve(url, history[2][:10])) == (history[2], history[2])
    assert tag != history[2]


# Private repositories


def test_a_private_repository_is_read_with_its_connection(desk: Desk, tmp_path: Path, web_server: WebServer) -> None:
    head = make_repository(web_server.root / "git/team/churn", {"train.py": "1"})
    older, head = head, commit(web_server.root / "git/team/churn", {"train.py": "2"})
    desk.connections = {"team": Connection("team", "git", USER, PASSWORD)}
    url = f"{web_server.url}/git/team/churn"
    code = desk.pin(url, connection="team", ref="main")
    assert (code.kind, code.commit, code.connection) == ("git", head, "team")
    assert desk.pin(url, connection="team", ref=older[:7]).commit == older
    assert PASSWORD not in code.model_dump_json()


def test_a_wrong_password_is_told_in_a_line_without_it(desk: Desk, web_server: WebServer) -> None:
    make_repository(web_server.root / "git/churn", {"train.py": "1"})
    wrong = "canary w/ong%"
    desk.connections = {"team": Connection("team", "git", "ada-canary", wrong)}
    problem = desk.problem(f"{web_server.url}/git/churn", connection="team")
    assert problem.startswith("code.connection: expected a repository that may be read")
    assert "Correct the login" in problem
    assert "\n" not in problem
    for form in (wrong, quote(wrong, safe=""), quote(wrong), "canary"):
        assert form not in problem.replace("ada-canary", ""), form


def test_a_repository_that_wants_a_login_says_so(desk: Desk, web_server: WebServer) -> None:
    make_repository(web_server.root / "git/churn", {"train.py": "1"})
    assert '"connection": "NAME"' in desk.problem(f"{web_server.url}/git/churn")
    desk.connections = {"team": Connection("team", "git", USER, PASSWORD), "empty": Connection("empty", "git", USER)}
    assert desk.problem(f"{web_server.url}/git/none", connection="team").startswith("code.connection")
    assert "no password or token" in desk.problem(f"{web_server.url}/git/churn", connection="empty")
    web_server.public.append("/")
    assert desk.problem(f"{web_server.url}/git/none").startswith("code.url")


def test_no_login_is_taken_from_the_files_of_the_platforms_user(
    desk: Desk, web_server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(web_server.root / "git/churn", {"train.py": "1"})
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {quote(PASSWORD)}\n")
    monkeypatch.setenv("HOME", str(home))
    desk.problem(f"{web_server.url}/git/churn")
    assert {sent for _, sent in web_server.authorizations} == {None}


def test_a_server_that_is_overloaded_is_worth_a_retry(desk: Desk, web_server: WebServer) -> None:
    web_server.answers["/git/churn/info/refs"] = 503
    with pytest.raises(PlatformFault, match="503"):
        desk.pin(f"{web_server.url}/git/churn")


def test_a_redirect_does_not_get_the_password(desk: Desk, make_web_server: Callable[[str], WebServer]) -> None:
    web, other = make_web_server("web"), make_web_server("other")
    make_repository(web.root / "git/churn", {"train.py": "1"})
    web.redirects["/git/churn"] = other.url
    desk.connections = {"team": Connection("team", "git", USER, PASSWORD)}
    assert "code.connection" in desk.problem(f"{web.url}/git/churn", connection="team")
    assert {sent for _, sent in other.authorizations} == {None}


@pytest.mark.parametrize(
    ("host", "port", "url", "fits"),
    [
        ("git.example", None, "https://git.example/team/churn.git", True),
        ("https://Git.Example/team", None, "https://git.example:8443/churn.git", True),
        ("git.example", None, "git@git.example:team/churn.git", True),
        ("git@git.example:team/churn.git", None, "ssh://git.example/team/churn.git", True),
        ("git.example:443", None, "https://git.example/churn.git", True),
        ("git.example", 22, "git@git.example:churn.git", True),
        ("git.example", 8443, "https://git.example/churn.git", False),
        ("git.example", None, "https://git.example.evil.example/churn.git", False),
        ("git.example", None, "https://evil.example/git.example", False),
        ("git.example", None, "git@evil.example:git.example", False),
        ("git.example:port", None, "https://git.example/churn.git", False),
        (None, None, "https://anywhere.example/churn.git", True),
    ],
)
def test_a_connection_with_a_host_is_for_that_server_alone(
    host: str | None, port: int | None, url: str, fits: bool
) -> None:
    assert is_for(Connection("team", "git", USER, PASSWORD, host=host, port=port), url) is fits


def test_a_login_is_not_sent_where_its_connection_does_not_lead(desk: Desk, web_server: WebServer) -> None:
    desk.connections = {"team": Connection("team", "git", USER, PASSWORD, host="git.example")}
    problem = desk.problem(f"{web_server.url}/git/churn", connection="team")
    assert problem.startswith("code.connection: expected a connection for the code's server")
    assert "is for git.example" in problem
    assert web_server.authorizations == []


def test_git_is_shown_no_credential_in_its_arguments_or_variables(tmp_path: Path) -> None:
    login = login_of(Connection("team", "git", USER, PASSWORD))
    with lent_access("https://git.example/churn.git", login, tmp_path / "login") as access:
        shown = f"{access.settings} {access.variables} {access!r}"
        assert PASSWORD not in shown
        assert quote(PASSWORD, safe="") not in shown
        (file,) = access.files
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not file.parent.exists()


# ssh


def test_a_repository_is_read_over_ssh_with_the_connections_key(desk: Desk, ssh_server: SshServer) -> None:
    head = make_repository(ssh_server.root / "churn.git", {"train.py": "1"})
    extra = {"private_key": ssh_server.private_key, "known_hosts": ssh_server.known_hosts}
    key = ssh_server.known_hosts.split()[2]
    desk.connections = {
        "full": Connection("full", "ssh", None, None, extra),
        "first": Connection("first", "git", None, None, {"private_key": ssh_server.private_key.replace("\n", "\\n")}),
        "host": Connection("host", "ssh", None, None, {"private_key": ssh_server.private_key, "host_key": key}),
    }
    url = f"{ssh_server.url}/churn.git"
    for name in desk.connections:
        assert desk.pin(url, connection=name).commit == head


def test_a_server_with_another_host_key_is_not_trusted(desk: Desk, ssh_server: SshServer, tmp_path: Path) -> None:
    make_repository(ssh_server.root / "churn.git", {"train.py": "1"})
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    host, other = ssh_server.known_hosts.split()[0], (tmp_path / "other.pub").read_text()
    extra = {"private_key": ssh_server.private_key, "known_hosts": f"{host} {other}"}
    desk.connections = {"team": Connection("team", "ssh", None, None, extra)}
    problem = desk.problem(f"{ssh_server.url}/churn.git", connection="team")
    assert "Host key verification failed" in problem
    assert problem.startswith("code.connection")


def test_a_key_that_the_server_does_not_know_is_refused_and_not_shown(
    desk: Desk, ssh_server: SshServer, tmp_path: Path
) -> None:
    make_repository(ssh_server.root / "churn.git", {"train.py": "1"})
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    other = (tmp_path / "other").read_text()
    url = f"{ssh_server.url}/churn.git"
    for key in (other, "no key at all\n"):
        desk.connections = {"team": Connection("team", "ssh", None, None, {"private_key": key})}
        problem = desk.problem(url, connection="team")
        assert problem.startswith("code.connection"), problem
        assert not any(line in problem for line in other.splitlines())
    desk.connections = {"team": Connection("team", "ssh", USER, PASSWORD)}
    assert "no ssh key" in desk.problem(url, connection="team")


def test_a_connection_that_is_of_no_use_is_told() -> None:
    with pytest.raises(PlatformFault, match="'git' or 'http'"):
        login_of(Connection("team", "postgres", "ada", "x"))
    with pytest.raises(PlatformFault, match="has a passphrase"):
        login_of(Connection("team", "ssh", None, None, {"private_key": "x", "private_key_passphrase": "y"}))
    with pytest.raises(PlatformFault, match="no ssh public key"):
        login_of(Connection("team", "ssh", None, None, {"private_key": "x", "host_key": "ssh-rsa !"}))


# Submodules


@pytest.mark.parametrize(
    ("parent", "url", "absolute"),
    [
        ("https://git.example/team/churn.git", "../lib.git", "https://git.example/team/lib.git"),
        ("https://git.example/team/churn", "../../other/lib", "https://git.example/other/lib"),
        ("https://git.example/team/churn", "./lib", "https://git.example/team/churn/lib"),
        ("git@git.example:churn.git", "../lib.git", "git@git.example:lib.git"),
        ("git@git.example:team/churn.git", "../lib.git", "git@git.example:team/lib.git"),
        ("ssh://git@git.example/churn.git", "https://git.example/lib", "https://git.example/lib"),
        ("file:///srv/churn", "../lib", "file:///srv/lib"),
        ("file:///srv/churn", "/srv/my lib", "file:///srv/my%20lib"),
        ("https://git.example/churn", "git@git.example:lib", "git@git.example:lib"),
    ],
)
def test_a_submodules_url_is_read_as_git_reads_it(tmp_path: Path, parent: str, url: str, absolute: str) -> None:
    assert submodules_of(asks(tmp_path, url), "HEAD", parent)[0].url == absolute


@pytest.mark.parametrize(
    ("parent", "url"),
    [
        ("https://git.example/churn", "/etc/repo"),
        ("https://git.example/churn", "file:///etc/repo"),
        ("ssh://git.example/churn", "../../../x"),
        ("git@git.example:churn", "../../x"),
        ("https://git.example/churn", "http://git.example/lib"),
        ("https://git.example/churn", "ext::sh -c id"),
        ("file:///srv/churn", "git://git.example/lib"),
    ],
)
def test_a_submodule_elsewhere_than_its_parent_is_refused(tmp_path: Path, parent: str, url: str) -> None:
    with pytest.raises(UserFault, match=r"the submodule"):
        submodules_of(asks(tmp_path, url), "HEAD", parent)


def asks(root: Path, url: str) -> Callable[..., str]:
    """Return git in a repository with one submodule."""
    make_repository(root / "r", {".gitmodules": f'[submodule "lib"]\n\tpath = lib\n\turl = {url}\n'})
    git(root / "r", "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(root / "r", "commit", "-qm", "with a submodule")
    return lambda *arguments: git(root / "r", *arguments)


def test_the_submodules_that_a_run_has_to_read_on_this_machine_are_known(desk: Desk, tmp_path: Path) -> None:
    make_repository(tmp_path / "srv/inner", {"x.py": ""})
    make_repository(tmp_path / "srv/lib", {"lib.py": ""})
    git(tmp_path / "srv/lib", "submodule", "add", "-q", "../inner", "inner")
    commit(tmp_path / "srv/lib", {})
    make_repository(tmp_path / "srv/churn", {"train.py": ""})
    git(tmp_path / "srv/churn", "submodule", "add", "-q", str(tmp_path / "srv/lib"), "lib")
    commit(tmp_path / "srv/churn", {})
    code = desk.pin(f"file://{tmp_path}/srv/churn")
    assert code.local_submodules == (f"{tmp_path}/srv/inner", f"{tmp_path}/srv/lib")
    desk.readable = (str(tmp_path / "srv/churn"), str(tmp_path / "srv/lib"))
    assert "files.read" in desk.problem(f"file://{tmp_path}/srv/churn")
    desk.readable = ("*",)
    (tmp_path / "srv/inner").rename(tmp_path / "srv/moved")
    assert "the submodule 'inner'" in desk.problem(f"file://{tmp_path}/srv/churn")
