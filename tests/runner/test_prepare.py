"""prepare, with real git repositories and real installations."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from runner.conftest import Ground, commit_all, served

from verbatim.spec import PinnedCode
from verbatim.stage import Entry, PrepareOutputs, StageResult, StageSecrets
from verbatim.store import layout
from verbatim.tree import unpack_tree
from verbatim_runner.environment.build import ensure_environment
from verbatim_runner.environment.declared import find_declaration
from verbatim_runner.environment.interpreters import own_interpreter
from verbatim_runner.environment.lock import lock_wish, wish_of
from verbatim_runner.environment.lock_text import names_packages_alone, packages_in
from verbatim_runner.project import Project
from verbatim_runner.stages import prepare

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """One cache of packages for all tests; environments have their locks' names."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def ground(tmp_path, cache) -> Ground:
    from verbatim.store import Store

    return Ground(tmp_path, Store(f"file://{tmp_path}/store"), cache)


def outputs_of(result: StageResult) -> PrepareOutputs:
    assert isinstance(result.outputs, PrepareOutputs), result.error
    return result.outputs


def lock_of(ground: Ground, outputs: PrepareOutputs) -> str:
    return ground.store.get_blob(outputs.environment.lock_digest).decode()


def git_code(directory: Path, commit: str, subdirectory: str = ".") -> PinnedCode:
    return PinnedCode(kind="git", url=f"file://{directory}", ref="main", commit=commit, subdirectory=subdirectory)


def test_a_commit_becomes_a_blob_an_entry_and_an_environment(ground, write_tree):
    repository = write_tree(
        {"jobs/churn/train.py": "import six\n", "jobs/churn/requirements.txt": "six==1.16.0\n", "data/x.csv": "1\n"}
    )
    commit = commit_all(repository)
    (repository / "jobs/churn/train.py").write_text("raise SystemExit('a later state')\n")
    later = commit_all(repository)
    assert later != commit
    outputs = outputs_of(ground.run(ground.request("prepare", code=git_code(repository, commit, "jobs/churn"))))
    assert (outputs.code.commit, outputs.code.files) == (commit, 3)
    assert outputs.entry.argv == ("python", "train.py")
    assert (outputs.environment.declared_by, outputs.environment.packages) == ("requirements.txt", 1)
    ground.store.fetch_blob(outputs.code.digest, ground.root / "code.tar")
    unpack_tree(ground.root / "code.tar", ground.root / "unpacked", max_bytes=10**6, max_files=10)
    assert (ground.root / "unpacked/jobs/churn/train.py").read_text() == "import six\n"
    assert (ground.root / "unpacked/data/x.csv").exists()
    assert lock_of(ground, outputs).startswith("six==1.16.0 \\\n    --hash=sha256:")


def test_the_environment_runs_and_is_cached(ground, write_tree):
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": "six==1.16.0\n"}))
    first = outputs_of(ground.run(ground.request("prepare", code=code)))
    again = outputs_of(ground.run(ground.request("prepare", code=code, try_number=2)))
    assert again.environment.cached
    assert again.environment.lock_digest == first.environment.lock_digest
    request = ground.request("train", code=code)
    environment = ensure_environment(ground.context(request), first.environment.lock_digest, first.environment.python)
    done = subprocess.run(
        [environment.python, "-c", "import six; print(six.__version__)"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1.16.0\n"
    assert environment.bin_dir == environment.python.parent


def test_a_second_run_of_a_commit_does_not_need_the_repository(ground, write_tree):
    repository = write_tree({"train.py": ""})
    code = git_code(repository, commit_all(repository))
    first = outputs_of(ground.run(ground.request("prepare", code=code)))
    repository.rename(repository.with_name("moved"))
    assert outputs_of(ground.run(ground.request("prepare", code=code, try_number=2))).code == first.code


def test_the_same_commit_in_two_repositories_gives_the_same_blob(ground, write_tree):
    digests = set()
    for _ in range(2):
        repository = write_tree({"train.py": "print(1)\n", "run.sh": "true\n"})
        digests.add(outputs_of(ground.run(ground.request("prepare", {"command": "true"}, git_code(repository, commit_all(repository)),
                                                         try_number=len(digests) + 1))).code.digest)  # fmt: skip
    assert len(digests) == 1


def test_a_commit_that_no_branch_has_any_more_is_still_found(ground, write_tree):
    repository = write_tree({"train.py": ""})
    commit = commit_all(repository)
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "--amend", "-m", "other"],
        cwd=repository,
        check=True,
    )
    outputs = outputs_of(ground.run(ground.request("prepare", code=git_code(repository, commit))))
    assert outputs.code.commit == commit


def test_a_commit_that_is_gone_is_the_users_fault(ground, write_tree):
    repository = write_tree({"train.py": ""})
    commit_all(repository)
    result = ground.run(ground.request("prepare", code=git_code(repository, "1" * 40)))
    assert (result.error.kind, result.error.field) == ("user", "code.ref")


def test_a_repository_that_is_gone_is_worth_a_retry(ground, tmp_path):
    result = ground.run(ground.request("prepare", code=git_code(tmp_path / "nowhere", "1" * 40)))
    assert result.error.kind == "platform"


def test_a_subdirectory_that_is_not_there_is_the_users_fault(ground, write_tree):
    repository = write_tree({"train.py": "", "jobs/x.py": ""})
    result = ground.run(ground.request("prepare", code=git_code(repository, commit_all(repository), "job")))
    assert (result.error.kind, result.error.field) == ("user", "code.subdirectory")
    assert "jobs" in result.error.message


@pytest.mark.parametrize(("files", "packages", "declared_by"), [
    ({"train.py": "import json\n"}, 0, "imports"),
    ({"train.py": "import six\n"}, 1, "imports"),
    ({"train.py": "", "pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n'}, 1, "pyproject.toml"),
    ({"train.py": "", "requirements.txt": "-r more.txt\n", "more.txt": "six\n"}, 1, "requirements.txt"),
    ({"train.py": "# /// script\n# dependencies = ['six']\n# ///\n"}, 1, "train.py (inline metadata)"),
    ({"train.py": "", "requirements.txt": "--index-url https://pypi.org/simple\nsix\n"}, 1, "requirements.txt"),
    ({"train.py": "", "requirements.txt": "# nothing\n"}, 0, "requirements.txt"),
    ({"train.py": "", "requirements.txt": "-e .\n", "setup.py": "import setuptools\nsetuptools.setup(name='x', install_requires=['six'])\n"},
     1, "requirements.txt"),
    ({"train.py": "", "sub/pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n', "pyproject.toml":
      '[project]\nname = "y"\nversion = "1"\ndependencies = ["x"]\n[tool.uv.sources]\nx = { path = "sub" }\n'}, 1, "pyproject.toml"),
])  # fmt: skip
def test_dependencies_are_installed_however_they_are_declared(ground, write_tree, files, packages, declared_by):
    outputs = outputs_of(ground.run(ground.request("prepare", code=ground.store_directory(write_tree(files)))))
    assert (outputs.environment.packages, outputs.environment.declared_by) == (packages, declared_by)


@pytest.mark.parametrize(("requirements", "said"), [
    ("six>=100\n", "six"),
    ("no-such-package-of-verbatim\n", "no-such-package-of-verbatim"),
    ("six ! 1\n", "requirements.txt"),
    ("git+https://user:hunter2@127.0.0.1:9/x.git\n", "127.0.0.1"),
])  # fmt: skip
def test_what_cannot_be_resolved_says_why_and_no_secret(ground, write_tree, requirements, said):
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
    result = ground.run(ground.request("prepare", code=code))
    assert result.state == "failed"
    assert result.error.message.startswith("resolving requirements.txt failed: ")
    assert said in result.error.message
    assert "hunter2" not in result.model_dump_json()
    if "127" not in said:
        assert result.error.kind == "user"


def test_a_dated_environment_takes_the_releases_of_its_date_and_needs_no_second_resolution(ground, write_tree):
    code = ground.store_directory(write_tree({"train.py": "import six\n"}))
    conf = {"environment": {"as_of": "2022-01-01T00:00:00Z"}}
    outputs = outputs_of(ground.run(ground.request("prepare", conf, code)))
    assert lock_of(ground, outputs).startswith("six==1.16.0 ")
    assert ground.store.keys("indexes/locks")
    again = outputs_of(ground.run(ground.request("prepare", conf, code, try_number=2)))
    assert again.environment.lock_digest == outputs.environment.lock_digest


def test_two_runs_at_once_build_an_environment_once(tmp_path, write_tree):
    from verbatim.store import Store

    ground = Ground(tmp_path, Store(f"file://{tmp_path}/store"), tmp_path / "cache")
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": "six==1.16.0\n"}))
    requests = [ground.request("prepare", code=code, try_number=number) for number in (1, 2, 3)]
    runners = []
    for request in requests:
        given = tmp_path / f"input{request.try_number}"
        given.mkdir()
        (given / "request.json").write_bytes(request.canonical())
        (given / "secrets.json").write_bytes(StageSecrets().in_clear())
        command = [sys.executable, "-m", "verbatim_runner", "stage", "--input", str(given), "--work", f"{given}-work"]
        runners.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
    assert [runner.wait(120) for runner in runners] == [0, 0, 0]
    results = [ground.store.read(layout.stage_result(r.run_id, "prepare", r.try_number), StageResult) for r in requests]
    assert sorted(outputs_of(result).environment.cached for result in results) == [False, True, True]


def test_an_unfinished_environment_is_built_again(tmp_path, write_tree):
    from verbatim.store import Store

    ground = Ground(tmp_path, Store(f"file://{tmp_path}/store"), tmp_path / "cache")
    code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": "six==1.16.0\n"}))
    outputs_of(ground.run(ground.request("prepare", code=code)))
    (record,) = (tmp_path / "cache/environments").glob("*.json")
    record.unlink()
    (record.with_suffix("") / "bin/python").unlink()
    again = outputs_of(ground.run(ground.request("prepare", code=code, try_number=2)))
    assert not again.environment.cached
    assert (record.with_suffix("") / "bin/python").exists()


def test_cuda_libraries_are_left_out_unless_gpus_are_asked_for(ground, write_tree):
    tree = write_tree({"train.py": "import xgboost\n"})
    project, code = Project(tree, tree), ground.store_directory(tree)
    names = []
    for gpus in (0, 1):
        request = ground.request("prepare", {"resources": {"gpus": gpus}}, code)
        declaration = find_declaration(project, Entry(argv=("python",), appends_parameters=True, found_by="test"))
        context = ground.context(request)
        lock = lock_wish(context, wish_of(declaration, project, own_interpreter()), None)
        names.append({name.partition("-")[0] for name in packages_in(ground.store.get_blob(lock.file.sha256).decode())})
    assert "nvidia" not in names[0]
    assert names[1] - names[0] == {"nvidia"}


def test_no_code_of_a_package_runs_while_it_is_installed(tmp_path, ground, write_tree):
    wheel = tmp_path / "wheels/starts-1-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr("starts.pth", f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
        content.writestr("starts.py", "")
        content.writestr("starts-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: starts\nVersion: 1\n")
        content.writestr("starts-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        content.writestr("starts-1.dist-info/RECORD", "")
    with served(wheel.parent) as url:
        requirements = f"--find-links {url}\nstarts\n"
        code = ground.store_directory(write_tree({"train.py": "", "requirements.txt": requirements}))
        outputs = outputs_of(ground.run(ground.request("prepare", code=code)))
    assert outputs.environment.packages == 1
    assert not (tmp_path / "ran").exists()
    environment = ensure_environment(
        ground.context(ground.request("train")), outputs.environment.lock_digest, outputs.environment.python
    )
    assert list(environment.bin_dir.parent.rglob("starts.cpython-*.pyc"))
    subprocess.run([environment.python, "-c", ""], check=True)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(("line", "plain"), [
    ("six", True),
    ("six[extra]>=1.0,<2 ; python_version < '3.13'  # why", True),
    ("six==1.16.0 \\\n    --hash=sha256:00", True),
    ("# a comment\n\n--index-url https://index.example/simple", True),
    ("-e .", False),
    ("six \\\n  -e .", False),
    ("six\r--editable=.", False),
    ("-r more.txt", False),
    ("./six", False),
    ("six @ file:///six", False),
    ("git+https://git.example/six", False),
    ("--find-links file:///wheels", False),
])  # fmt: skip
def test_only_names_of_packages_are_resolved_with_the_hosts_cache(line, plain):
    assert names_packages_alone(line) == plain


def test_a_result_that_cannot_be_written_down_is_delivered_without_its_outputs(ground, write_tree, monkeypatch):
    entry = Entry(argv=("python", os.fsdecode(b"caf\xe9.py")), appends_parameters=True, found_by="the test")
    monkeypatch.setattr(prepare, "find_entry", lambda *_: entry)
    result = ground.run(ground.request("prepare", code=ground.store_directory(write_tree({"train.py": ""}))))
    assert result.outputs is None
    assert result.error.kind == "platform"
    assert "prepare" in result.error.message
