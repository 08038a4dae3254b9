from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from verbatim.errors import RequestError
from verbatim.pin import local_destination, local_paths, pin_request
from verbatim.settings import PlatformSettings
from verbatim.spec import Image, RunSpec
from verbatim.store import Store
from verbatim.tree import list_tree, unpack_tree

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = datetime(2026, 11, 20, 4, 20, 10, tzinfo=UTC)
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

    def pin(self, **conf: Any) -> RunSpec:
        settings = PlatformSettings(
            store_url=self.store.url,
            catalog_url="sqlite://",
            cache_dir=str(self.root / "cache"),
            files={"read": (str(self.repository), str(self.data)), "write": (str(self.root / "models"),)},
            connections={"data": ("s3_lake",), "destinations": ("s3_models",)},
        )
        conf = {"code": f"file://{self.repository}", **conf}
        return pin_request(conf, settings=settings, store=self.store, image=IMAGE, moment=MOMENT)

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
    assert local_destination(spec) == site.root / "models/churn"
