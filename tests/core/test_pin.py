from __future__ import annotations

import os
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hostile import TEXTS, VALUES, replaced

from verbatim.checkpoints import Checkpoints
from verbatim.connections import Connection
from verbatim.errors import RequestError
from verbatim.pin import local_outputs, local_paths, pin_request
from verbatim.settings import PlatformSettings
from verbatim.spec import Image, RunSpec
from verbatim.stage import S3Credentials
from verbatim.store import Store, layout
from verbatim.tree import list_tree, unpack_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from verbatim.stage import EngineName

MOMENT = datetime(2026, 11, 20, 4, 20, 10, tzinfo=UTC)
RUN = "churn-20261120T042010-9f3c1a"
UNSIGNED = S3Credentials(unsigned=True)
IMAGE = Image(reference="verbatim-runner:latest", digest="sha256:1")


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    command = ["git", *identity, "-C", repository, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Site:
    """A platform's machine: a repository with two branches, data, a store, and settings that allow just these."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository, self.data = root / "churn", root / "lake"
        self.repository.mkdir()
        self.data.mkdir()
        git(self.repository, "init", "-q", "-b", "main")
        (self.repository / "train.py").write_text("print(1)\n")
        git(self.repository, "add", "-A")
        git(self.repository, "commit", "-qm", "first")
        git(self.repository, "tag", "-am", "one", "v1")
        git(self.repository, "checkout", "-qb", "next")
        git(self.repository, "commit", "-qm", "second", "--allow-empty")
        self.store = Store(f"file://{root}/store")
        self.engine: EngineName = "docker"
        self.warnings: list[str] = []
        self.interval: tuple[datetime, datetime] | None = None
        self.exports: dict[str, str] | None = None
        self.connections = {
            "pg": Connection("pg", "postgres"),
            "lite": Connection("lite", "sqlite", host=f"{self.data}/lite.db"),
            "web": Connection("web", "http"),
        }

    def pin(self, **conf: Any) -> RunSpec:
        settings = PlatformSettings(
            store_url=self.store.url,
            catalog_url="sqlite://",
            cache_dir=str(self.root / "cache"),
            files={"read": (str(self.repository), str(self.data)), "write": (str(self.root / "models"),)},
            connections={"data": ("s3_lake", "hive_lake", *self.connections), "destinations": ("s3_models",)},
            exports=self.exports,
            expectations=str(self.root / "expectations"),
        )
        conf = {"code": f"file://{self.repository}", **conf}
        return pin_request(
            conf, settings=settings, store=self.store, image=IMAGE, engine=self.engine, moment=MOMENT,
            warn=self.warnings.append, interval=self.interval, read_connection=self.connections.__getitem__,
        )  # fmt: skip

    def problems(self, **conf: Any) -> dict[str, str]:
        with pytest.raises(RequestError) as raised:
            self.pin(**conf)
        return {problem.field: str(problem) for problem in raised.value.problems}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize(("ref", "meant"), [("main", "main"), ("next", "next"), ("v1", "main"), (None, "next")])
def test_a_ref_becomes_the_commit_that_it_names_now(site: Site, ref: str | None, meant: str) -> None:
    spec = site.pin(code={"url": f"file://{site.repository}", "ref": ref})
    assert spec.code.commit == git(site.repository, "rev-parse", meant)
    assert (spec.code.kind, spec.code.digest) == ("git", None)


def test_a_full_sha_is_taken_as_it_is(site: Site) -> None:
    sha = git(site.repository, "rev-parse", "main")
    assert site.pin(code={"url": f"file://{site.repository}", "ref": sha}).code.commit == sha


def test_a_ref_that_is_not_there_comes_with_those_that_are(site: Site) -> None:
    problems = site.problems(code={"url": f"file://{site.repository}", "ref": "nxt"})
    assert "'nxt'" in problems["code.ref"]
    assert "main, next" in problems["code.ref"]


def test_a_directory_is_kept_in_the_store_as_it_is_now(site: Site, tmp_path: Path) -> None:
    (site.repository / "new.py").write_text("x = 1\n")
    spec = site.pin(code=str(site.repository))
    assert (spec.code.kind, spec.code.dirty) == ("directory", True)
    assert spec.code.commit == git(site.repository, "rev-parse", "HEAD")
    site.store.fetch_blob(spec.code.digest, tmp_path / "code.tar")
    unpack_tree(tmp_path / "code.tar", tmp_path / "code", max_bytes=10_000, max_files=10)
    assert list_tree(tmp_path / "code") == ["new.py", "train.py"]
    assert site.pin(code=str(site.repository)) == spec


def test_what_is_not_said_is_pinned_to_the_moment_and_the_defaults(site: Site) -> None:
    spec = site.pin(data={"train": {"file": {"uri": f"file://{site.data}/"}}})
    assert (spec.experiment, spec.model.name) == ("churn", "churn")
    assert (spec.as_of, spec.data["train"].as_of) == (MOMENT, MOMENT)
    assert spec.image == IMAGE


def test_the_same_conf_at_the_same_moment_has_the_same_digest(site: Site) -> None:
    assert site.pin(seed=1).content_digest() == site.pin(seed=1).content_digest()
    assert site.pin(seed=1).content_digest() != site.pin(seed=2).content_digest()


def test_what_a_conf_may_not_name_is_told_all_at_once(site: Site) -> None:
    problems = site.problems(
        code="/etc",
        data={
            "a": {"file": {"uri": "file:///etc/"}},
            "b": {"s3": {"uri": "s3://lake/x/", "connection": "secret_lake"}},
            "c": {"file": {"uri": f"file://{site.data}/missing/"}},
        },
        model={"destination": f"file://{site.data}/"},
        as_of=(MOMENT + timedelta(days=1)).isoformat(),
    )
    assert set(problems) == {
        "code.url", "data.a.file.uri", "data.b.s3.connection", "data.c.file.uri", "model.destination", "as_of",
    }  # fmt: skip
    assert "s3_lake" in problems["data.b.s3.connection"]


def test_a_conf_names_nothing_of_the_platforms_own_store(site: Site) -> None:
    inside, around = f"{site.store.url}/blobs/", f"file://{site.root}/"
    problems = site.problems(data={"train": {"file": {"uri": inside}}}, model={"destination": around})
    assert "the platform's own store" in problems["data.train"]
    assert "the platform's own store" in problems["model.destination"]


@pytest.mark.parametrize("place", ["s3://lake/verbatim/", "s3://lake/verbatim/runs/", "s3://lake/", "s3://lake/tmp/x/"])
def test_no_channel_names_the_store_or_the_exports_in_a_bucket(site: Site, place: str) -> None:
    site.store = Store("s3://lake/verbatim", UNSIGNED)
    site.exports = {"uri": "s3://lake/tmp/"}
    problems = site.problems(data={"train": {"s3": {"uri": place, "connection": "s3_lake"}}})
    assert "the platform's own" in problems["data.train"]


@pytest.mark.parametrize(
    "url", ["s3://lake/%76erbatim/a.tar.gz", "s3://lake//verbatim/a.zip", "s3://lake/./verbatim/a.zip"]
)
def test_no_spelling_of_a_bucket_leads_code_into_the_store(site: Site, url: str) -> None:
    site.store = Store("s3://lake/verbatim", UNSIGNED)
    assert "the platform's own store" in site.problems(code=url)["code.url"]


@pytest.mark.parametrize("uri", ["s3://lake//verbatim/", "s3://lake/a/../verbatim/", "s3://lake/./a", "s3://lake?x/a/"])
def test_a_place_in_a_bucket_is_spelled_in_one_way(site: Site, uri: str) -> None:
    model = {"destination": uri, "connection": "s3_models"}
    problems = site.problems(data={"train": {"s3": {"uri": uri, "connection": "s3_lake"}}}, model=model)
    assert set(problems) == {"data.train.s3.uri", "model.destination"}


@pytest.mark.parametrize("url", ["ssh://git@git.example/team/churn.git", "git@git.example:team/churn.git"])
def test_containers_hold_no_ssh_key(site: Site, url: str) -> None:
    assert "Containers hold no ssh key" in site.problems(code=url)["code.url"]


def test_a_link_out_of_what_is_allowed_is_not_allowed(site: Site) -> None:
    (site.data / "etc").symlink_to("/etc")
    assert "data.a.file.uri" in site.problems(data={"a": {"file": {"uri": f"file://{site.data}/etc/"}}})


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:9/team/churn.git",
        "git@127.0.0.1:team/churn.git",
        "ftp://host/churn",
        "ext::sh -c id",
        "churn",
    ],
)
def test_code_that_cannot_be_reached_is_a_problem_of_its_url(site: Site, url: str) -> None:
    assert list(site.problems(code=url)) == ["code.url"]


def test_the_paths_that_a_run_needs_are_known(site: Site) -> None:
    spec = site.pin(
        data={"train": {"file": {"uri": f"file://{site.data}/"}}},
        model={"destination": f"file://{site.root}/models/churn/"},
    )
    assert local_paths(spec) == (site.repository, site.data)
    assert local_outputs(spec, "register") == (site.root / "models/churn",)


def test_code_may_lie_around_the_platforms_own_store_but_not_in_it(site: Site) -> None:
    home = site.repository / ".verbatim"
    site.store = Store(f"file://{home}/store")
    assert site.pin(code=str(site.repository)).code.dirty is False
    (site.store.local_root / "code").mkdir()
    for inside in (f"{home}/store/code", f"file://{home}/store", f"file://{site.repository}/%2everbatim/store/"):
        assert "the platform's own store" in site.problems(code=inside)["code.url"]


def test_a_path_is_read_the_same_way_by_all(site: Site) -> None:
    (site.repository / "my repo").mkdir()
    git(site.repository, "clone", "-q", site.repository, "my repo")
    spec = site.pin(code=f"file://{site.repository}/my%20repo", data={"a": {"file": {"uri": f"file://{site.data}%2f"}}})
    assert (spec.experiment, spec.code.commit) == ("my-repo", git(site.repository, "rev-parse", "next"))
    assert local_paths(spec) == (site.repository / "my repo", site.data)


@pytest.mark.parametrize(
    "tail", ["/../secret", "/%2e%2e/secret", "/%2E./secret", "/x%00", "/x#/y", "/x?y", "/%ff"]
)  # fmt: skip
def test_a_uri_that_readers_may_take_for_different_paths_is_refused(site: Site, tail: str) -> None:
    git(site.root, "clone", "-q", site.repository, "secret")
    uri = f"file://{site.data}{tail}"
    problems = site.problems(code=uri, data={"a": {"file": {"uri": uri}}}, model={"destination": uri})
    assert set(problems) == {"code.url", "data.a.file.uri", "model.destination"}
    assert list(site.problems(code=f"file://host{site.repository}")) == ["code.url"], "git takes the host for a path"


def change(site: Site) -> None:
    (site.repository / "train.py").write_text("print(2)\n")


def stage(site: Site) -> None:
    change(site)
    git(site.repository, "add", "train.py")


def delete(site: Site) -> None:
    (site.repository / "train.py").unlink()


def make_executable(site: Site) -> None:
    (site.repository / "train.py").chmod(0o755)


def add_link(site: Site) -> None:
    (site.repository / "latest").symlink_to("train.py")


def ignore(site: Site) -> None:
    (site.repository / ".git/info/exclude").write_text("*.csv\n.venv\n")
    (site.repository / "big.csv").write_text("1")


def commit_all(site: Site) -> None:
    add_link(site)
    make_executable(site)
    (site.repository / ".venv").mkdir()
    for name in ("ünï \t.py", ".venv/x"):
        (site.repository / name).write_text("1")
    git(site.repository, "add", "--force", "-A")
    git(site.repository, "commit", "-qm", "third")


@pytest.mark.parametrize(
    ("prepare", "dirty"),
    [(change, True), (stage, True), (delete, True), (make_executable, True), (add_link, True), (ignore, False),
     (commit_all, False)],
)  # fmt: skip
def test_a_directory_is_dirty_when_its_code_differs_from_the_commit(
    site: Site, prepare: Callable[[Site], None], dirty: bool
) -> None:
    (site.repository / "keep.py").write_text("x = 1\n")
    git(site.repository, "add", "keep.py")
    git(site.repository, "commit", "-qm", "keep")
    prepare(site)
    code = site.pin(code=str(site.repository)).code
    assert (code.commit, code.dirty) == (git(site.repository, "rev-parse", "HEAD"), dirty)


def test_a_part_of_a_work_tree_stands_on_its_commit_with_its_submodules(site: Site) -> None:
    part = site.repository / "part"
    part.mkdir()
    (part / "own.py").write_text("1")
    git(site.repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", site.repository, "part/sub")
    git(site.repository, "add", "-A")
    git(site.repository, "commit", "-qm", "with a submodule")
    change(site)
    assert site.pin(code=str(part)).code.dirty is False
    (part / "sub/train.py").write_text("print(3)\n")
    assert site.pin(code=str(part)).code.dirty is True


def test_pinning_a_hostile_repository_runs_nothing_of_it(site: Site) -> None:
    marker, repository = site.root / "ran", site.repository
    trap = site.root / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {marker}\nexec cat\n")
    trap.chmod(0o755)
    hooks = repository / ".git/hooks"
    for hook in ("post-index-change", "pre-auto-gc", "reference-transaction"):
        (hooks / hook).write_text(trap.read_text())
        (hooks / hook).chmod(0o755)
    for key in ("filter.evil.clean", "filter.evil.smudge", "core.fsmonitor", "uploadpack.packObjectsHook",
                "core.sshCommand", "core.pager", "diff.external", "core.alternateRefsCommand"):  # fmt: skip
        git(repository, "config", key, str(trap))
    (repository / ".gitattributes").write_text("* filter=evil\n")
    (repository / "train.py").write_text("print(2)\n")
    os.utime(repository / "train.py", (1, 1))
    assert site.pin(code=str(repository)).code.dirty
    site.pin(code=f"file://{repository}")
    assert not marker.exists()
    git(repository, "status")
    assert marker.exists(), "the trap is none: git status would run it"


def test_pinning_a_hostile_partial_clone_fetches_nothing_by_its_command(site: Site) -> None:
    marker, repository = site.root / "ran", site.repository
    (repository / ".gitignore").write_text("*.csv\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "third")
    missing = [git(repository, "rev-parse", name) for name in ("HEAD^{tree}", "HEAD:.gitignore")]
    git(repository, "update-index", "--skip-worktree", ".gitignore")
    (repository / ".gitignore").unlink()
    for digest in missing:
        (repository / ".git/objects" / digest[:2] / digest[2:]).unlink()
    for key, value in {
        "core.repositoryformatversion": "1", "extensions.partialClone": "evil", "remote.evil.promisor": "true",
        "remote.evil.url": f"file://{site.data}", "remote.evil.uploadpack": f"touch {marker}; false",
        "protocol.file.allow": "always", "protocol.allow": "always",
    }.items():  # fmt: skip
        git(repository, "config", key, value)
    site.pin(code=str(repository))
    site.pin(code=f"file://{repository}")
    assert not marker.exists()
    subprocess.run(["git", "-C", repository, "ls-tree", "-r", "HEAD"], check=False, capture_output=True)
    assert marker.exists(), "the trap is none: git ls-tree would run it"


@pytest.fixture
def as_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of a user whom closed files and directories stop, as they do not stop root."""
    with tempfile.TemporaryDirectory() as root:
        monkeypatch.setenv("HOME", root)
        if os.geteuid() == 0:
            os.chown(root, 65534, -1)
            os.seteuid(65534)
        try:
            yield Path(root)
        finally:
            os.seteuid(os.getuid())


@pytest.mark.parametrize(
    ("closed", "fields"),
    [
        ("churn/train.py", ["code.url"]),
        ("churn/part", ["code.url"]),
        ("churn", ["code.url"]),
        ("lake", ["data.a.file.uri"]),
        (".", ["data.a.file.uri", "code.url"]),
    ],
)
def test_what_cannot_be_read_is_a_problem(as_nobody: Path, closed: str, fields: list[str]) -> None:
    site = Site(as_nobody)
    (site.data / "inner").mkdir()
    (site.repository / "part").mkdir()
    (site.repository / "part/train.py").write_text("print(1)\n")
    git(site.repository, "add", "-A")
    data = {"a": {"file": {"uri": f"file://{site.data}/inner"}}}
    (as_nobody / closed).chmod(0)
    try:
        assert list(site.problems(code=str(site.repository), data=data)) == fields
        if closed in {"churn", "."}:
            assert list(site.problems(code=f"file://{site.repository}", data=data)) == fields
    finally:
        (as_nobody / closed).chmod(0o755)


def test_links_in_a_circle_and_names_too_long_are_problems(site: Site) -> None:
    (site.data / "circle").symlink_to("circle")
    for name in ("circle", "x" * 300, "circle/x"):
        path = f"{site.data}/{name}"
        assert "code.url" in site.problems(code=path, data={"a": {"file": {"uri": f"file://{path}"}}})
        assert list(site.problems(data={"a": {"file": {"uri": f"file://{path}"}}})) == ["data.a.file.uri"]
        assert list(site.problems(code={"url": str(site.repository), "subdirectory": name})) == ["code.subdirectory"]


def test_no_hostile_value_anywhere_in_a_conf_makes_pinning_crash(site: Site) -> None:
    conf = {
        "experiment": "churn",
        "code": {"url": str(site.repository), "ref": None, "subdirectory": "."},
        "command": ["python", "train.py"],
        "data": {
            "a": {"file": {"uri": f"file://{site.data}/"}},
            "b": {"s3": {"uri": "s3://x/{{ parameters.x }}/", "connection": "s3_lake"}},
            "c": hive("SELECT a FROM t WHERE b = {{ parameters.x }}"),
        },
        "parameters": {"x": "y"},
        "as_of": "2026-01-31",
        "model": {"name": "churn", "destination": f"file://{site.root}/models/"},
        "retention": {"rejected": "30d"},
    }
    pinned = 0
    for hostile in replaced(conf, (*TEXTS, *VALUES)):
        try:
            site.pin(**hostile).canonical()
        except RequestError as error:
            str(error).encode()
        else:
            pinned += 1
    assert pinned, "some of the values are fine at some places"


def test_a_run_starts_from_what_another_has_left_by_now(site: Site) -> None:
    spec = site.pin()
    site.store.publish(layout.spec(RUN), spec)
    file = site.store.put_bytes(b"weights", "epoch1.pt")
    left = Checkpoints(try_number=1, files=(file,), updated_at=MOMENT)
    site.store.overwrite(layout.checkpoints(RUN), left.canonical())
    pinned = site.pin(resume_from=RUN).resume_from
    assert pinned is not None
    assert (pinned.run_id, pinned.files) == (RUN, (file,))
    assert spec.resume_from is None


@pytest.mark.parametrize("named", [RUN, "churn", "../blobs", "churn-20261120T042010-ffffff"])
def test_a_run_that_is_unknown_or_left_no_checkpoints_cannot_be_started_from(site: Site, named: str) -> None:
    site.store.publish(layout.spec(RUN), site.pin())
    expected = "which has left none" if named == RUN else "expected the id of a run"
    assert expected in site.problems(resume_from=named)["resume_from"]


def test_where_the_model_is_left_is_pinned(site: Site) -> None:
    model = site.pin(model={"path": "exports/model.onnx"}).model
    assert model is not None
    assert model.path == "exports/model.onnx"
    assert "model.path" in site.problems(model={"path": "../elsewhere"})


def hive(query: str, **more: str) -> dict[str, Any]:
    return {"hive": {"connection": "hive_lake", "query": query, **more}}


def test_templates_are_filled_with_the_schedules_interval(site: Site) -> None:
    (site.data / "dt=2026-11-18").mkdir()
    site.interval = (MOMENT - timedelta(days=2), MOMENT - timedelta(days=1))
    spec = site.pin(
        data={
            "a": {"file": {"uri": f"file://{site.data}/dt={{{{ interval_start | ds }}}}/"}},
            "b": {
                "s3": {"uri": "s3://lake/{{ parameters.region }}/{{ interval_end | hour }}/", "connection": "s3_lake"}
            },
            "c": hive("SELECT a FROM t WHERE ts >= {{ interval_start }} AND ts < {{ as_of }}"),
        },
        parameters={"region": "west"},
    )
    assert (spec.interval_start, spec.interval_end, spec.as_of) == (*site.interval, MOMENT)
    assert spec.data["a"].source.uri == f"file://{site.data}/dt=2026-11-18/"
    assert spec.data["b"].source.uri == "s3://lake/west/04/"
    assert spec.data["c"].query.statement == (
        "SELECT a FROM t WHERE ts >= TIMESTAMP '2026-11-18 04:20:10.000000' AND ts < TIMESTAMP '2026-11-20 04:20:10.000000'"
    )
    assert "{{ as_of }}" in spec.data["c"].source.query, "what was asked is kept as it was asked"
    assert spec.data["c"].query.tables == ("t",)
    assert site.warnings == []


def test_a_run_without_a_schedule_has_its_as_of_as_the_interval(site: Site) -> None:
    spec = site.pin(as_of="2026-01-31", data={"a": hive("SELECT a FROM t WHERE dt = {{ interval_start | ds }}")})
    assert spec.interval_start == spec.interval_end == spec.as_of == datetime(2026, 1, 31, tzinfo=UTC)
    assert spec.data["a"].query.statement == "SELECT a FROM t WHERE dt = '2026-01-31'"


def test_what_is_filled_in_is_checked_as_if_it_had_been_written(site: Site) -> None:
    (site.data / "out").symlink_to("/etc")
    store = site.store.url
    for uri, parameter, told in (
        (f"file://{site.data}/{{{{ parameters.x }}}}/", "..", "a value that is a name"),
        (f"file://{site.data}/{{{{ parameters.x }}}}/", "out", "inside a directory that is allowed"),
        (f"file://{site.data}/{{{{ parameters.x }}}}/", "gone", "that exists"),
        (f"file://{site.data}/{{{{ parameters.x }}}}/", "%2e%2e", "a value that is a name"),
        (f"file://{site.data}/.{{{{ parameters.x }}}}./", "", "a value that is a name"),
        (f"file://{site.data}/{{{{ nope }}}}/", "", "a name that there is"),
    ):
        problems = site.problems(data={"a": {"file": {"uri": uri}}}, parameters={"x": parameter})
        assert told in problems["data.a.file.uri"]
    root, name = store.rsplit("/", 1)
    problems = site.problems(data={"a": {"file": {"uri": f"{root}/{{{{ parameters.x }}}}/"}}}, parameters={"x": name})
    assert "inside a directory that is allowed" in problems["data.a.file.uri"]


def test_everything_wrong_with_data_is_told_at_once(site: Site) -> None:
    problems = site.problems(
        data={
            "a": {"hive": {"connection": "nope", "query": "DROP TABLE t", "mode": "server"}},
            "b": {"s3": {"uri": "s3://lake/{{ nope }}/", "connection": "nope"}},
            "c": {"sql": {"connection": "pg", "query": "SELECT '{{ as_of }}'"}},
            "d": {"sql": {"connection": "web", "query": "SELECT 1"}},
            "e": {"sql": {"connection": "nope", "query": "SELECT 1"}},
        },
        validation={"a": {"suite": "a.json", "location": "config"}},
    )
    assert set(problems) == {
        "data.a.hive.connection", "data.a.hive.query", "data.a.hive.mode", "data.b.s3.connection", "data.b.s3.uri",
        "data.c.sql.query", "data.d.sql.connection", "data.e.sql.connection", "validation.a.suite",
    }  # fmt: skip


def test_a_query_that_says_nothing_of_time_is_told_of_and_marked(site: Site) -> None:
    spec = site.pin(data={"a": hive("SELECT a FROM t")})
    assert not spec.data["a"].query.time_bound
    (warning,) = site.warnings
    assert "data.a" in warning
    assert "{{ as_of }}" in warning


def test_a_server_may_write_results_only_where_the_platform_says(site: Site) -> None:
    asked = {"a": hive("SELECT a FROM t WHERE ts < {{ as_of }}", mode="server")}
    assert "exports in config/platform.yaml" in site.problems(data=asked)["data.a.hive.mode"]
    site.exports = {"uri": "s3://lake/exports/", "connection": "s3_exports"}
    export = site.pin(data=asked).data["a"].export
    assert (export.uri, export.connection) == ("s3://lake/exports/", "s3_exports")
    assert site.pin(data={"a": hive("SELECT a FROM t WHERE ts < {{ as_of }}")}).data["a"].export is None
    site.exports = {"uri": f"file://{site.root}/exports/"}
    spec = site.pin(data=asked)
    assert (local_outputs(spec, "extract"), local_outputs(spec, "register")) == ((site.root / "exports",), ())


def test_a_query_is_bound_as_its_connections_database_reads_it(site: Site) -> None:
    (site.data / "lite.db").touch()
    spec = site.pin(
        data={
            "a": {"sql": {"connection": "pg", "query": "SELECT a::int FROM t WHERE ts < {{ as_of }}"}},
            "b": {"sql": {"connection": "lite", "query": "SELECT [a] FROM t WHERE ts < {{ as_of }}"}},
        }
    )
    assert spec.data["a"].query.statement == r"SELECT a\:\:int FROM t WHERE ts < :v1"
    assert spec.data["b"].query.values["v1"].text == "2026-11-20T04:20:10.000000+00:00"
    assert spec.data["b"].database_file == f"{site.data}/lite.db"
    assert local_paths(spec) == (site.repository, site.data / "lite.db")


@pytest.mark.parametrize("host", ["/etc/passwd", "lite.db", None])
def test_a_database_file_is_one_that_may_be_read(site: Site, host: str | None) -> None:
    site.connections["lite"] = Connection("lite", "sqlite", host=host)
    assert list(site.problems(data={"b": {"sql": {"connection": "lite", "query": "SELECT 1"}}})) == [
        "data.b.sql.connection"
    ]


def test_a_suite_of_the_platform_is_kept_as_it_is_now(site: Site) -> None:
    suites = site.root / "expectations"
    (suites / "team").mkdir(parents=True)
    (suites / "team/a.json").write_text('{"expectations": []}')
    data = {"a": {"file": {"uri": f"file://{site.data}/"}}}
    asked = {"suite": "team/a.json", "location": "config", "severity": "warn"}
    suite = site.pin(data=data, validation={"a": asked}).validation["a"]
    assert (suite.suite, suite.location, suite.severity) == ("team/a.json", "config", "warn")
    assert site.store.get_blob(suite.content) == b'{"expectations": []}'
    assert site.pin(data=data, validation={"a": "suites/a.json"}).validation["a"].content is None
    (suites / "team/a.json").write_text("[]")
    (suites / "b.json").symlink_to("/etc/passwd")
    for name, told in (
        ("team/a.json", "a JSON object"),
        ("b.json", "team/a.json"),
        ("c.json", "team/a.json"),
        ("team", "a suite"),
    ):
        problems = site.problems(data=data, validation={"a": {"suite": name, "location": "config"}})
        assert told in problems["validation.a.suite"]
