"""Archives, notebooks, scripts and parts of work trees, as pinning keeps them."""

from __future__ import annotations

import io
import json
import socket
import stat
import tarfile
import tempfile
import threading
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from code_servers import PASSWORD, USER, commit, git, make_repository

from verbatim.code.ignore import read_ignore
from verbatim.connections import Connection
from verbatim.errors import PlatformFault, RequestError
from verbatim.pin import pin_request
from verbatim.settings import PlatformSettings
from verbatim.spec import Image, PinnedCode
from verbatim.store import Store
from verbatim.tree import unpack_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from code_servers import WebServer
    from conftest import S3Server

MOMENT = datetime(2026, 11, 20, 4, 20, 10, tzinfo=UTC)
FILES = {"train.py": "print(1)\n", "pkg/__init__.py": "", "pkg/data.csv": "1\n"}


class Desk:
    """Pins code; directories and connections are allowed as a test says."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, Store(f"file://{root}/store")
        self.readable: tuple[str, ...] = (str(root),)
        self.connections: dict[str, Connection] = {}
        self.warnings: list[str] = []

    def pin(self, url: str | Path, **code: Any) -> PinnedCode:
        settings = PlatformSettings(
            store_url=self.store.url, catalog_url="sqlite://", cache_dir=str(self.root / "cache"),
            files={"read": self.readable}, connections={"code": tuple(self.connections)},
        )  # fmt: skip
        spec = pin_request(
            {"code": {"url": str(url), **code}}, settings=settings, store=self.store, engine="docker", moment=MOMENT,
            image=Image(reference="x", digest="sha256:0"), warn=self.warnings.append,
            read_connection=self.connections.__getitem__,
        )  # fmt: skip
        return spec.code

    def problem(self, url: str | Path, **code: Any) -> str:
        with pytest.raises(RequestError) as raised:
            self.pin(url, **code)
        (problem,) = raised.value.problems
        return str(problem)

    def files(self, code: PinnedCode) -> dict[str, str]:
        """Return the files of a blob; links are followed."""
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            self.store.fetch_blob(str(code.digest), root / "code.tar")
            unpack_tree(root / "code.tar", root / "code", max_bytes=10**8, max_files=10**5)
            found = (path for path in (root / "code").rglob("*") if path.is_file())
            return {path.relative_to(root / "code").as_posix(): path.read_text() for path in found}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def tree_of(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def tar_of(path: Path, files: dict[str, str], mode: str = "w:gz", mtime: int = 1_700_000_000) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), mtime
            archive.addfile(member, io.BytesIO(content.encode()))
    return path


def zip_of(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20)), content)
    return path


# Archives


def test_the_same_files_have_the_same_digest_whatever_they_are_packed_in(desk: Desk, tmp_path: Path) -> None:
    codes = [desk.pin(tree_of(tmp_path / "churn", FILES))]
    for name, mode in {
        "a.tar": "w",
        "a.tar.gz": "w:gz",
        "a.tgz": "w:gz",
        "a.tar.bz2": "w:bz2",
        "a.tar.xz": "w:xz",
    }.items():
        codes.append(desk.pin(tar_of(tmp_path / name, FILES, mode)))
    codes.append(desk.pin(zip_of(tmp_path / "a.zip", FILES)))
    with_top = {f"churn-main/{name}": content for name, content in FILES.items()}
    codes += [desk.pin(tar_of(tmp_path / "b.tar.gz", with_top)), desk.pin(zip_of(tmp_path / "b.zip", with_top))]
    assert len({code.digest for code in codes}) == 1
    assert [code.kind for code in codes] == ["directory", *["archive"] * 8]
    assert {code.committed_at for code in codes[1:]} == {datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)}
    assert desk.files(codes[0]) == FILES


def test_what_archivers_and_tools_leave_in_an_archive_is_no_code(desk: Desk, tmp_path: Path) -> None:
    junk = {
        "__MACOSX/._train.py": "x",
        ".git/config": "x",
        "pkg/__pycache__/a.pyc": "x",
        ".venv/bin/x": "x",
        ".DS_Store": "",
    }
    code = desk.pin(zip_of(tmp_path / "a.zip", FILES | junk))
    assert desk.files(code) == FILES


def test_a_subdirectory_of_an_archive_must_be_there(desk: Desk, tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar.gz", FILES)
    assert desk.pin(archive, subdirectory="pkg").subdirectory == "pkg"
    assert "at its top: pkg" in desk.problem(archive, subdirectory="src")


def link(name: str, to: str) -> tuple[zipfile.ZipInfo, str]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, to


def device(name: str) -> tuple[zipfile.ZipInfo, str]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFCHR | 0o666) << 16
    return info, ""


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([(zipfile.ZipInfo("../evil"), "x")], "leads out"),
        ([(zipfile.ZipInfo("/tmp/evil"), "x")], "leads out"),
        ([(zipfile.ZipInfo("..\\evil"), "x")], "leads out"),
        ([link("link", "/etc")], "leads out"),
        ([link("a/link", "../../etc")], "leads out"),
        ([link("self", "."), link("self/up", "..")], "behind another link"),
        ([link("d", "."), (zipfile.ZipInfo("d/file"), "x")], "twice"),
        ([device("tty")], "neither a file"),
        ([(zipfile.ZipInfo("twice"), "x"), (zipfile.ZipInfo("twice"), "x")], "twice"),
        ([(zipfile.ZipInfo("a"), "x"), (zipfile.ZipInfo("a/b"), "x")], "twice"),
        ([(zipfile.ZipInfo("x" * 300), "x")], "too long"),
    ],
)
def test_a_hostile_zip_is_refused(desk: Desk, tmp_path: Path, members: list[Any], reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for info, content in members:
            archive.writestr(info, content)
    assert reason in desk.problem(tmp_path / "evil.zip")
    assert not (tmp_path / "evil").exists()


def test_a_zip_bomb_stops_at_the_limit_also_if_it_lies_about_its_size(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verbatim.code.archive.MAX_CODE_BYTES", 1_000_000)
    zip_of(tmp_path / "bomb.zip", {"bomb": "x" * 5_000_000})
    assert "unpacks to more than" in desk.problem(tmp_path / "bomb.zip")
    content = (tmp_path / "bomb.zip").read_bytes().replace((5_000_000).to_bytes(4, "little"), (5).to_bytes(4, "little"))
    (tmp_path / "liar.zip").write_bytes(content)
    assert "damaged" in desk.problem(tmp_path / "liar.zip")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"no archive at all", b"\x1f\x8b\x08\x00 no gzip"])
def test_what_is_no_archive_is_refused(desk: Desk, tmp_path: Path, content: bytes) -> None:
    for name in ("a.zip", "a.tar.gz"):
        (tmp_path / name).write_bytes(content)
        assert "an archive that can be unpacked safely" in desk.problem(tmp_path / name)


def test_an_encrypted_zip_is_refused(desk: Desk, tmp_path: Path) -> None:
    content = bytearray(zip_of(tmp_path / "a.zip", {"train.py": "x"}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(content)
    assert "is encrypted" in desk.problem(tmp_path / "b.zip")


# Archives and scripts from elsewhere


def test_an_archive_is_downloaded_with_its_login_and_redirects_do_not_get_it(
    desk: Desk, make_web_server: Callable[[str], WebServer]
) -> None:
    web, other = make_web_server("web"), make_web_server("other")
    tar_of(web.root / "churn.tar.gz", FILES)
    (other.root / "moved").mkdir()
    tar_of(other.root / "moved/churn.tar.gz", FILES)
    other.public.append("/moved")
    web.redirects["/moved"] = other.url
    desk.connections = {
        "team": Connection("team", "http", USER, PASSWORD),
        "bot": Connection("bot", "http", None, PASSWORD),
    }
    codes = [desk.pin(f"{web.url}/churn.tar.gz", connection=name) for name in ("team", "bot")]
    codes.append(desk.pin(f"{web.url}/moved/churn.tar.gz", connection="team"))
    assert {desk.files(code)["train.py"] for code in codes} == {"print(1)\n"}
    assert {sent for _, sent in other.authorizations} == {None}
    assert PASSWORD not in "".join(code.model_dump_json() for code in codes)


def test_why_a_download_failed_is_told_without_the_credential(desk: Desk, web_server: WebServer) -> None:
    desk.connections = {"team": Connection("team", "http", USER, "wrong canary")}
    url = f"{web_server.url}/churn.zip"
    assert desk.problem(url).startswith("code.connection")
    refused = desk.problem(url, connection="team")
    assert "the connection's login is refused" in refused
    assert "canary" not in refused
    web_server.public.append("/")
    assert "the server answers 404" in desk.problem(url)
    web_server.answers["/churn.zip"] = 503
    with pytest.raises(PlatformFault, match="503"):
        desk.pin(url)
    assert "cannot be reached" in desk.problem("http://127.0.0.1:9/churn.zip")


def test_an_archive_is_known_by_its_content_where_its_url_does_not_say_so(desk: Desk, web_server: WebServer) -> None:
    web_server.public.append("/")
    tree_of(web_server.root, {"zip/page": "<!DOCTYPE html><title>churn</title>"})
    zip_of(web_server.root / "zip/main", FILES)
    tar_of(web_server.root / "zip/v1.0", FILES)
    for name in ("main", "v1.0"):
        code = desk.pin(f"{web_server.url}/zip/{name}")
        assert (code.kind, desk.files(code)) == ("archive", FILES)
    for name in ("page", "nothing"):
        assert "a repository that" in desk.problem(f"{web_server.url}/zip/{name}")
    assert "a repository that" in desk.problem(f"{web_server.url}/zip/main", ref="v2")


def test_code_comes_over_plain_http_from_this_machine_alone(desk: Desk) -> None:
    assert "https:// alone" in desk.problem("http://git.example/churn.zip")
    desk.connections = {"team": Connection("team", "http", USER, PASSWORD)}
    assert "may not go over plain http" in desk.problem("http://git.example/churn.git", connection="team")


def test_half_a_script_is_no_script(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nprint(1)\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(PlatformFault, match="91 bytes of it did not arrive"):
            desk.pin(f"http://127.0.0.1:{server.getsockname()[1]}/train.py")


def test_a_download_that_is_too_large_ends(desk: Desk, web_server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verbatim.code.file.MAX_FILE_BYTES", 1_000_000)
    web_server.public.append("/")
    (web_server.root / "train.py").write_text("#" * 1_000_001)
    assert "is larger than" in desk.problem(f"{web_server.url}/train.py")


def test_a_script_comes_alone_from_a_web_server_and_a_page_about_it_is_none(desk: Desk, web_server: WebServer) -> None:
    web_server.public.append("/")
    tree_of(web_server.root, {"raw/fit.R": "1\n", "blob/fit.R": "\n<!DOCTYPE html><title>fit.R", "x.ipynb": "{oops"})
    code = desk.pin(f"{web_server.url}/raw/fit.R")
    assert (code.kind, code.file, desk.files(code)) == ("file", "fit.R", {"fit.R": "1\n"})
    assert "an HTML page" in desk.problem(f"{web_server.url}/blob/fit.R")
    assert "a notebook in x.ipynb" in desk.problem(f"{web_server.url}/x.ipynb")


def test_code_in_s3_is_read_with_its_connection(desk: Desk, s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.make_bucket("code-sources")
    zip_of(tmp_path / "local.zip", FILES)
    s3_server.client().upload_file(str(tmp_path / "local.zip"), "code-sources", "team a/churn.zip")
    s3_server.client().put_object(Bucket="code-sources", Key="train.py", Body=b"print(2)\n")
    extra = {"endpoint_url": s3_server.endpoint_url}
    desk.connections = {"lake": Connection("lake", "aws", s3_server.access_key, s3_server.secret_key, extra)}
    code = desk.pin(f"{bucket}/team a/churn.zip", connection="lake")
    assert (code.kind, code.connection, desk.files(code)) == ("archive", "lake", FILES)
    assert desk.files(desk.pin(f"{bucket}/train.py", connection="lake")) == {"train.py": "print(2)\n"}
    assert "is not there" in desk.problem(f"{bucket}/other.zip", connection="lake")
    assert desk.problem(f"{bucket}/team a/churn.zip").startswith("code.connection")
    assert "git URL" in desk.problem(f"{bucket}/team a/", connection="lake")


@pytest.mark.parametrize("query", ["token=x", "X-Amz-Signature=x", "a=b&access_token=x", "sig=x"])
def test_a_url_that_holds_a_credential_is_refused(desk: Desk, query: str) -> None:
    assert "docs/code.md" in desk.problem(f"https://host.example/churn.zip?{query}")


def test_only_connections_that_the_settings_allow_are_read(desk: Desk) -> None:
    assert "connections.code" in desk.problem("https://git.example/churn.git", connection="lake")


@pytest.mark.parametrize("name", ["churn.zip", "train.py", "."])
def test_what_lies_on_the_platforms_machine_needs_no_connection_and_has_no_ref(
    desk: Desk, tmp_path: Path, name: str
) -> None:
    desk.connections = {"team": Connection("team", "http", USER, PASSWORD)}
    zip_of(tmp_path / "churn.zip", FILES)
    (tmp_path / "train.py").write_text("1\n")
    assert "no connection" in desk.problem(tmp_path / name, connection="team")
    assert "no ref" in desk.problem(tmp_path / name, ref="main")


# Notebooks and scripts


@pytest.mark.parametrize("name", ["train.py", "fit.R", "fit.r", "run.sh", "note.ipynb"])
def test_a_notebook_or_script_comes_with_its_directory(desk: Desk, tmp_path: Path, name: str) -> None:
    files = {name: json.dumps({"cells": []}), "requirements.txt": "six\n", "data/x.csv": "1\n"}
    code = desk.pin(tree_of(tmp_path / "churn", files) / name)
    assert (code.kind, code.file, code.subdirectory) == ("file", name, ".")
    assert desk.files(code) == files
    assert code.url == f"{tmp_path}/churn/{name}"


def test_a_script_that_git_ignores_is_taken_all_the_same(desk: Desk, tmp_path: Path) -> None:
    make_repository(tmp_path / "churn", {".gitignore": "scratch*\n", "lib.py": ""})
    (tmp_path / "churn/scratch.py").write_text("1\n")
    code = desk.pin(tmp_path / "churn/scratch.py")
    assert set(desk.files(code)) == {".gitignore", "lib.py", "scratch.py"}


def test_a_script_that_lies_among_all_sorts_of_things_is_taken_alone(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree_of(tmp_path / "home", {"train.py": "1\n", "private.txt": "x"})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    code = desk.pin(tmp_path / "home/train.py")
    assert desk.files(code) == {"train.py": "1\n"}
    assert "is taken alone" in desk.warnings[0]
    assert (code.commit, code.dirty) == (None, False)


def test_a_script_is_taken_alone_where_only_it_may_be_read_or_its_directory_is_large(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tree_of(tmp_path / "churn", FILES) / "train.py"
    desk.readable = (str(script),)
    assert set(desk.files(desk.pin(script))) == {"train.py"}
    desk.readable = ("*",)
    assert set(desk.files(desk.pin(script))) == set(FILES)
    monkeypatch.setattr("verbatim.code.extent.MAX_SURROUNDINGS_FILES", 2)
    assert set(desk.files(desk.pin(script))) == {"train.py"}
    assert "is too large" in desk.warnings[-1]


def test_a_file_of_another_kind_is_told_what_there_is(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1")
    assert ".ipynb" in desk.problem(tmp_path / "x.csv")
    assert "that exists" in desk.problem(tmp_path / "missing.py")
    assert "that exists" in desk.problem(tmp_path / "missing.zip")
    assert "that exists" in desk.problem(tmp_path / "missing")


# Directories


LOOKS_UP = ['open("../data/x.csv")', "Path(__file__).parent.parent", "os.path.join('..', 'data')", "sys.path[os.pardir]",
            "Path(__file__).resolve().parents[1]", "dirname(os.path.dirname(__file__))"]  # fmt: skip


@pytest.mark.parametrize("source", LOOKS_UP)
def test_a_project_that_looks_above_itself_keeps_its_place_in_the_work_tree(
    desk: Desk, tmp_path: Path, source: str
) -> None:
    files = {"data/x.csv": "1\n", "jobs/churn/train.py": source, "jobs/churn/requirements.txt": ""}
    head = make_repository(tmp_path / "repo", files)
    code = desk.pin(tmp_path / "repo/jobs/churn")
    assert (code.kind, code.subdirectory, desk.files(code)) == ("directory", "jobs/churn", files)
    assert (code.commit, code.dirty) == (head, False)
    assert "the whole work tree" in desk.warnings[0]
    script = desk.pin(tmp_path / "repo/jobs/churn/train.py")
    assert (script.kind, script.file, script.subdirectory) == ("file", "train.py", "jobs/churn")
    assert script.digest == code.digest


@pytest.mark.parametrize("source", [
    "import ours\n", "import os, ours.data as data\n", "    from ours.data import load\n", '{"source": ["import ours"]}',
])  # fmt: skip
@pytest.mark.parametrize("module", ["ours.py", "ours/data.py", "src/ours/__init__.py", "jobs/ours/__init__.py"])
def test_a_project_that_imports_from_above_itself_keeps_its_place_in_the_work_tree(
    desk: Desk, tmp_path: Path, source: str, module: str
) -> None:
    files = {module: "x = 1\n", "jobs/churn/train.ipynb": source}
    make_repository(tmp_path / "repo", files)
    code = desk.pin(tmp_path / "repo/jobs/churn")
    assert (code.subdirectory, desk.files(code)) == ("jobs/churn", files)
    assert "imports ours from above it" in desk.warnings[0]


def test_what_a_project_has_itself_and_what_python_has_is_not_looked_for_above(desk: Desk, tmp_path: Path) -> None:
    files = {
        "json.py": "",
        "ours.py": "",
        "churn/train.py": "import json, ours\nimport numpy\n",
        "churn/ours/io.py": "",
    }
    make_repository(tmp_path / "repo", files)
    assert desk.pin(tmp_path / "repo/churn").subdirectory == "."


def test_a_project_that_does_not_look_up_is_taken_alone(desk: Desk, tmp_path: Path) -> None:
    make_repository(tmp_path / "repo", {"data/x.csv": "1\n", "churn/train.py": "print('...')\n"})
    code = desk.pin(tmp_path / "repo/churn")
    assert (code.subdirectory, desk.files(code)) == (".", {"train.py": "print('...')\n"})
    assert not desk.warnings


def test_the_surroundings_are_taken_only_where_they_may_be_and_are_no_burden(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(tmp_path / "repo", {"data/x.csv": "1\n", "churn/train.py": "open('../data/x.csv')\n"})
    desk.readable = (str(tmp_path / "repo/churn"),)
    assert set(desk.files(desk.pin(tmp_path / "repo/churn"))) == {"train.py"}
    assert "does not allow it" in desk.warnings[-1]
    desk.readable = ("*",)
    monkeypatch.setattr("verbatim.code.extent.MAX_SURROUNDINGS_BYTES", 10)
    assert set(desk.files(desk.pin(tmp_path / "repo/churn"))) == {"train.py"}
    assert "too large" in desk.warnings[-1]


def test_a_work_tree_that_claims_another_place_is_not_believed(desk: Desk, tmp_path: Path) -> None:
    tree_of(tmp_path / "secret", {"key": "x"})
    make_repository(tmp_path / "secret/repo", {"churn/train.py": "open('../../key')\n"})
    git(tmp_path / "secret/repo", "config", "core.worktree", str(tmp_path / "secret"))
    assert set(desk.files(desk.pin(tmp_path / "secret/repo/churn"))) == {"churn/train.py"}


def test_a_dockerignore_is_honoured_and_told(desk: Desk, tmp_path: Path) -> None:
    make_repository(tmp_path / "churn", FILES | {".dockerignore": "pkg/*.csv\n", "data/big.bin": "x"})
    (tmp_path / "churn/.gitignore").write_text("data/\n")
    git(tmp_path / "churn", "rm", "-rq", "--cached", "data")
    head = commit(tmp_path / "churn", {})
    code = desk.pin(tmp_path / "churn")
    assert set(desk.files(code)) == {".dockerignore", ".gitignore", "train.py", "pkg/__init__.py"}
    assert (code.commit, code.dirty) == (head, False), "what is left out on purpose makes no difference"
    assert ".dockerignore leaves out 1 of the code's files: pkg/data.csv" in desk.warnings


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        ("*.csv", {"a.csv"}),
        ("**/*.csv", {"a.csv", "d/b.csv", "d/e/c.csv"}),
        ("/d/", {"d/b.csv", "d/e/c.csv", "d/x.py"}),
        ("d\n!d/x.py", {"d/b.csv", "d/e/c.csv"}),
        ("*\n!d/e", {"a.csv", "t.py", "d/b.csv", "d/x.py"}),
        ("# d\n\n  t.p?  \n", {"t.py"}),
        ("d/**", {"d/b.csv", "d/e/c.csv", "d/x.py"}),
        ("d/**/c.csv", {"d/e/c.csv"}),
        ("./d/../a.csv", {"a.csv"}),
        ("[a-b].csv", {"a.csv"}),
        ("*/[^b]*", {"d/e/c.csv", "d/x.py"}),
        ("**\n!**/*.py", {"a.csv", "d/b.csv", "d/e/c.csv"}),
        ("[", set()),
    ],
)
def test_dockerignore_patterns_mean_what_docker_says(tmp_path: Path, patterns: str, left_out: set[str]) -> None:
    (tmp_path / ".dockerignore").write_text(patterns)
    paths = ["a.csv", "t.py", "d/b.csv", "d/e/c.csv", "d/x.py"]
    assert set(filter(read_ignore(tmp_path), paths)) == left_out


def test_a_hostile_dockerignore_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("**/a/" * 40 + "b\n" + "*a" * 60 + "b\n")
    assert not read_ignore(tmp_path)("a/" * 200 + "c")
    assert not read_ignore(tmp_path)("a" * 250)


def test_a_large_directory_is_told_with_its_biggest_entries_and_one_too_large_is_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    churn = tree_of(tmp_path / "churn", FILES)
    for name, size in {"data/a.bin": 80, "data/b.bin": 30, "models/x.bin": 5}.items():
        (churn / name).parent.mkdir(exist_ok=True)
        with (churn / name).open("wb") as out:
            out.truncate(size * 1024**2)
    desk.pin(churn)
    assert "115 MiB in 6 files; the biggest: data/ (110 MiB), models/ (5 MiB)" in desk.warnings[0]
    monkeypatch.setattr("verbatim.code.weight.MAX_CODE_BYTES", 100)
    assert "data/ (110 MiB)" in desk.problem(churn)


def test_a_dirty_work_tree_is_taken_as_it_is_and_says_so(desk: Desk, tmp_path: Path) -> None:
    head = make_repository(tmp_path / "churn", FILES)
    git(tmp_path / "churn", "commit", "-q", "--amend", "--no-edit", "--date=2001-01-01T00:00:00Z")
    head = git(tmp_path / "churn", "rev-parse", "HEAD")
    (tmp_path / "churn/train.py").write_text("print(2)\n")
    code = desk.pin(tmp_path / "churn")
    assert (code.commit, code.dirty, desk.files(code)["train.py"]) == (head, True, "print(2)\n")
    assert int(code.committed_at.timestamp()) == int(git(tmp_path / "churn", "log", "-1", "--format=%ct"))
    assert f"differs from its commit {head[:12]}" in desk.warnings[0]


def test_a_link_out_of_a_directory_is_left_out_and_told(desk: Desk, tmp_path: Path) -> None:
    churn = tree_of(tmp_path / "churn", FILES)
    (churn / "lake").symlink_to("/srv/lake")
    (churn / "pkg/up.py").symlink_to("../train.py")
    head = make_repository(churn, {})
    code = desk.pin(churn)
    assert set(desk.files(code)) == {*FILES, "pkg/up.py"}
    assert (code.commit, code.dirty) == (head, False)
    assert "lake → /srv/lake" in desk.warnings[0]


def test_a_link_to_what_lies_above_a_project_brings_the_work_tree(desk: Desk, tmp_path: Path) -> None:
    tree_of(tmp_path / "repo", {"shared.py": "1\n", "churn/train.py": "import shared\n"})
    (tmp_path / "repo/churn/shared.py").symlink_to("../shared.py")
    (tmp_path / "repo/lake").symlink_to("/srv/lake")
    make_repository(tmp_path / "repo", {})
    code = desk.pin(tmp_path / "repo/churn")
    assert code.subdirectory == "churn"
    assert desk.files(code) == {"shared.py": "1\n", "churn/train.py": "import shared\n", "churn/shared.py": "1\n"}
