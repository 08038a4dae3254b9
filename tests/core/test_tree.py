from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from verbatim.errors import UserFault
from verbatim.tree import list_tree, pack_tree, unpack_tree

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = {"max_bytes": 10_000, "max_files": 100}


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"x"
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return info, content


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "pkg").mkdir(parents=True)
    (root / "train.py").write_text("print(1)\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o744)
    (root / "pkg" / "ünï.py").write_text("x = 1\n")
    (root / "latest").symlink_to("pkg")
    (root / "pkg" / "up.py").symlink_to("../train.py")
    return root


def test_what_is_packed_comes_back(project: Path, tmp_path: Path) -> None:
    assert pack_tree(project, None, tmp_path / "code.tar") == 5
    unpack_tree(tmp_path / "code.tar", tmp_path / "out", **LIMITS)
    assert list_tree(tmp_path / "out") == ["latest", "pkg/up.py", "pkg/ünï.py", "run.sh", "train.py"]
    assert (tmp_path / "out/latest/up.py").read_text() == "print(1)\n"
    assert (tmp_path / "out/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/train.py").stat().st_mode & 0o777 == 0o644


def test_the_same_files_give_the_same_bytes_whatever_their_times_owners_and_modes(
    project: Path, tmp_path: Path
) -> None:
    pack_tree(project, None, tmp_path / "one.tar")
    os.utime(project / "train.py", (1, 1))
    (project / "train.py").chmod(0o600)
    pack_tree(project, list(reversed(list_tree(project))), tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    (project / "train.py").chmod(0o755)
    pack_tree(project, None, tmp_path / "three.tar")
    assert (tmp_path / "one.tar").read_bytes() != (tmp_path / "three.tar").read_bytes()


def test_a_plain_directory_is_listed_without_what_is_no_code(project: Path) -> None:
    for name in (".git/HEAD", ".venv/bin/python", ".verbatim/secrets.json", "pkg/__pycache__/x.pyc", "data/x.csv"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")
    assert list_tree(project) == ["data/x.csv", "latest", "pkg/up.py", "pkg/ünï.py", "run.sh", "train.py"]


def test_a_work_tree_is_listed_as_git_sees_it(project: Path) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    (project / ".gitignore").write_text("*.csv\nmlruns/\n")
    (project / "big.csv").write_text("x")
    (project / "mlruns").mkdir()
    (project / "mlruns/x").write_text("x")
    subprocess.run(["git", "-C", project, "add", "train.py", "run.sh"], check=True)
    (project / "run.sh").unlink()
    assert list_tree(project) == [".gitignore", "latest", "pkg/up.py", "pkg/ünï.py", "train.py"]
    assert list_tree(project / "pkg") == ["up.py", "ünï.py"]
    assert list_tree(project / "mlruns") == ["x"], "a directory that git ignores is listed when it is named itself"


def test_the_platforms_home_is_never_code_whether_git_ignores_it_or_not(project: Path) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    (project / "pkg/.verbatim").mkdir()
    (project / "pkg/.verbatim/secrets.json").write_text("{}")
    assert list_tree(project) == ["latest", "pkg/up.py", "pkg/ünï.py", "run.sh", "train.py"]
    subprocess.run(["git", "-C", project, "add", "--force", "."], check=True)
    assert list_tree(project) == ["latest", "pkg/up.py", "pkg/ünï.py", "run.sh", "train.py"]


def test_listing_a_hostile_work_tree_runs_nothing_of_it(project: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    trap = f"[core]\n\tfsmonitor = touch {tmp_path}/ran\n\tsshCommand = touch {tmp_path}/ran\n"
    (project / ".git/config").write_text(trap)
    list_tree(project)
    assert not (tmp_path / "ran").exists()


def test_what_an_index_names_behind_a_link_is_not_listed(project: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    (project / "conf").mkdir()
    (project / "conf/secret.py").write_text("1")
    subprocess.run(["git", "-C", project, "add", "."], check=True)
    (tmp_path / "outside").mkdir()
    (project / "conf").rename(tmp_path / "outside/conf")
    (project / "conf").symlink_to(tmp_path / "outside/conf")
    assert list_tree(project) == ["conf", "latest", "pkg/up.py", "pkg/ünï.py", "run.sh", "train.py"]
    assert list_tree(project / "latest") == ["up.py", "ünï.py"], "a directory may itself be named by a link"


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "pkg/../../outside", "latest/../x"])
def test_a_link_that_may_lead_out_is_not_packed(project: Path, tmp_path: Path, target: str) -> None:
    (project / "evil").symlink_to(target)
    with pytest.raises(UserFault, match="'evil'"):
        pack_tree(project, None, tmp_path / "code.tar")


def test_a_pipe_is_not_packed(project: Path, tmp_path: Path) -> None:
    os.mkfifo(project / "pipe")
    with pytest.raises(UserFault, match="pipe is neither a file"):
        pack_tree(project, None, tmp_path / "code.tar")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([member("../evil")], "leads out"),
        ([member("a/../../evil")], "leads out"),
        ([member("/tmp/evil")], "leads out"),
        ([member("link", tarfile.SYMTYPE, "/etc")], "leads out"),
        ([member("a/link", tarfile.SYMTYPE, "../../etc")], "leads out"),
        ([member("self", tarfile.SYMTYPE, "."), member("up", tarfile.SYMTYPE, "self/..")], "leads out"),
        ([member("self", tarfile.SYMTYPE, "."), member("self/up", tarfile.SYMTYPE, "..")], "behind another link"),
        ([member("hard", tarfile.LNKTYPE, "/etc/passwd")], "neither a file"),
        ([member("tty", tarfile.CHRTYPE)], "neither a file"),
        ([member("disk", tarfile.BLKTYPE)], "neither a file"),
        ([member("pipe", tarfile.FIFOTYPE)], "neither a file"),
        ([member("twice"), member("twice")], "twice"),
        ([member("a"), member("a/b")], "twice"),
        ([member("a"), member("a", tarfile.SYMTYPE, "b")], "twice"),
        ([member(f"{number}") for number in range(101)], "more than 100 members"),
        ([member("big", content=b"x" * 10_001)], "more than 10000 bytes"),
    ],
)
def test_a_hostile_archive_is_refused_and_writes_nothing_outside(members: list, reason: str, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "evil.tar", *members)
    with pytest.raises(UserFault, match=reason):
        unpack_tree(archive, tmp_path / "deep/out", **LIMITS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "evil.tar"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    archive = archive_of(tmp_path / "evil.tar", member("d", tarfile.SYMTYPE, "."), member("d/file"))
    with pytest.raises(UserFault):
        unpack_tree(archive, tmp_path / "out", **LIMITS)


def test_a_compressed_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "bomb.tar.gz", member("bomb", content=bytes(50_000_000)), mode="w:gz")
    assert archive.stat().st_size < 100_000
    with pytest.raises(UserFault, match="unpacks to more than"):
        unpack_tree(archive, tmp_path / "out", **LIMITS)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory_is_refused(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 50_000_000
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(info.size)))
    with pytest.raises(UserFault, match="a header of 50000000 bytes"):
        unpack_tree(tmp_path / "bomb.tar.gz", tmp_path / "out", **LIMITS)


def test_headers_without_end_are_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.XHDTYPE
    (tmp_path / "deep.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) * 3000)
    with pytest.raises(UserFault, match="damaged"):
        unpack_tree(tmp_path / "deep.tar", tmp_path / "out", **LIMITS)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_damage_anywhere_in_a_compressed_archive_is_told_as_such(mode: str, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("a", content=os.urandom(5000)), mode=mode)
    content = archive.read_bytes()
    for place in range(0, len(content), 50):
        out = tmp_path / f"out-{place}"
        archive.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with suppress(UserFault):
            unpack_tree(archive, out, **LIMITS)


def test_a_file_that_was_replaced_by_a_link_after_it_was_seen_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("precious")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/data").symlink_to(tmp_path / "secret")
    with pytest.raises(UserFault, match="replaced"):
        pack_tree(tmp_path / "project", ["data/key"], tmp_path / "code.tar")


@pytest.mark.parametrize("keep", [0, 100, 2563])
def test_a_damaged_archive_is_refused(project: Path, tmp_path: Path, keep: int) -> None:
    pack_tree(project, None, tmp_path / "code.tar")
    (tmp_path / "cut.tar").write_bytes((tmp_path / "code.tar").read_bytes()[:keep])
    with pytest.raises(UserFault, match="damaged"):
        unpack_tree(tmp_path / "cut.tar", tmp_path / "out", **LIMITS)


def test_setuid_and_write_for_all_do_not_survive(tmp_path: Path) -> None:
    info, content = member("x")
    info.mode, info.uid = 0o6777, 0
    unpack_tree(archive_of(tmp_path / "x.tar", (info, content)), tmp_path / "out", **LIMITS)
    assert (tmp_path / "out/x").stat().st_mode & 0o7777 == 0o755


def test_a_submodule_that_is_not_checked_out_holds_nothing(project: Path, tmp_path: Path) -> None:
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    (project / "eigen").mkdir()
    gitlink = ["update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},eigen"]
    for arguments in (["init", "-q"], ["add", "train.py"], gitlink, [*identity, "commit", "-q", "-m", "work"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)

    assert "train.py" in list_tree(project)
    assert not [name for name in list_tree(project) if name.startswith("eigen")]
