"""Starting the runner's zipapp in a subprocess: for a stage, a shell, an inspection or a profile on this machine.

It isolates little: the user's code runs as the platform's own uid. Whoever uses it says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.draft import DraftSuite
from verbatim.errors import PlatformFault
from verbatim.inspection import Inspection
from verbatim.network import AUTHORITIES, FIND_LINKS, INDEXES, PROXIES
from verbatim.stage import StageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from verbatim.stage import StageRequest, StageSecrets

GRACE_S = 30.0
_PASSED_ON = (
    "PATH", "HOME", "LANG", "TZ", "TMPDIR", "TERM", "SSH_AUTH_SOCK",
    "VERBATIM_PLATFORM",  # by it `verbatim down` finds what its platform has started
    *PROXIES, *INDEXES, *AUTHORITIES,
)  # fmt: skip


def launch_stage(
    request: StageRequest,
    secrets: StageSecrets,
    *,
    zipapp: Path,
    wheels: str | None,
    on_line: Callable[[str], None],
    stop: threading.Event,
) -> int:
    """Run one stage to its end.

    Args:
        request: The stage's request; the store and the cache as this machine sees them.
        secrets: Handed over in a file that is deleted when it has been read.
        zipapp: The runner.
        wheels: Directory with packages beside the index.
        on_line: Called with each line of output, without its end.
        stop: Set it to stop the stage: SIGTERM to the runner, which stops the user's command; SIGKILL after
            ``GRACE_S`` seconds.

    Returns:
        The exit code, negative for a signal.

    Raises:
        PlatformFault: The zipapp is not there.
    """
    with _handed_over(request, secrets, zipapp, "stage") as command:
        return _follow(command, wheels, on_line, stop)


def launch_shell(
    request: StageRequest, secrets: StageSecrets, *, zipapp: Path, wheels: str | None, command: Sequence[str]
) -> int:
    """Open a shell in the state of a stage, on this process's own terminal, and wait for its end.

    Args:
        request: The stage's request.
        secrets: As of ``launch_stage``.
        zipapp: The runner.
        wheels: Directory with packages beside the index.
        command: What to run instead of a shell; empty for a shell.

    Returns:
        The exit code, negative for a signal.

    Raises:
        PlatformFault: The zipapp is not there.
    """
    with _handed_over(request, secrets, zipapp, "shell") as runner:
        return subprocess.run([*runner, "--", *command], env=_environment(wheels), check=False).returncode


def launch_inspection(
    request: StageRequest,
    secrets: StageSecrets,
    *,
    zipapp: Path,
    wheels: str | None,
    on_line: Callable[[str], None],
    stop: threading.Event,
) -> Inspection:
    """Find out what a project is, without running or installing anything of it.

    Args:
        request: The request of a prepare stage.
        secrets: As of ``launch_stage``.
        zipapp: The runner.
        wheels: Directory with packages beside the index.
        on_line: Called with each line that is said meanwhile.
        stop: Set it to stop the inspection.

    Raises:
        UserFault: The code is not there.
        PlatformFault: The zipapp is not there, or the code cannot be fetched.
    """
    with _handed_over(request, secrets, zipapp, "inspect") as command:
        line = _document(command, wheels, on_line, stop)
    return Inspection.parse(line, source="the inspection")


def launch_profile(
    request: StageRequest,
    secrets: StageSecrets,
    *,
    zipapp: Path,
    on_line: Callable[[str], None],
    stop: threading.Event,
) -> DraftSuite:
    """Draft a suite from a snapshot.

    Args:
        request: The request of a validate stage; its one snapshot is looked at.
        secrets: As of ``launch_stage``.
        zipapp: The runner.
        on_line: Called with each line that is said meanwhile.
        stop: Set it to stop.

    Raises:
        UserFault: The snapshot's files are in no format that can be judged.
        PlatformFault: The zipapp is not there, or the store does not have the snapshot any more.
    """
    with _handed_over(request, secrets, zipapp, "profile") as command:
        line = _document(command, None, on_line, stop)
    return DraftSuite.parse(line, source="the profile")


def _document(
    command: Sequence[str], wheels: str | None, on_line: Callable[[str], None], stop: threading.Event
) -> bytes:
    """Return the one document that the runner prints when it is asked something; a fault that it prints is raised."""
    documents: list[str] = []

    def take(line: str) -> None:
        (documents.append if line.startswith("{") else on_line)(line)

    code = _follow(command, wheels, take, stop)
    if not documents:
        raise PlatformFault(f"the runner ended with code {code} and told nothing")
    if code:
        raise StageError.parse(documents[-1].encode(), source="the runner's answer").as_exception()
    return documents[-1].encode()


@contextmanager
def _handed_over(request: StageRequest, secrets: StageSecrets, zipapp: Path, verb: str) -> Iterator[list[str]]:
    """Give the runner's command, its input written and a place to work made; both are removed afterwards."""
    if not zipapp.is_file():
        raise PlatformFault(f"the runner {zipapp} is not there; build it with: make zipapp")
    cache = Path(request.cache_dir)
    (cache / "work").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{request.stage}-", dir=cache / "work", ignore_cleanup_errors=True
    ) as scratch:
        given = Path(scratch) / "in"
        given.mkdir(mode=0o700)
        (given / "request.json").write_bytes(request.canonical())
        _write_private(given / "secrets.json", secrets.in_clear())
        python = sys._base_executable  # type: ignore[attr-defined] # noqa: SLF001 - without this environment's packages
        yield [python, "-I", str(zipapp), verb, "--input", str(given), "--work", f"{scratch}/work"]


def _follow(command: Sequence[str], wheels: str | None, on_line: Callable[[str], None], stop: threading.Event) -> int:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=_environment(wheels), start_new_session=True, text=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    ended = threading.Event()
    watcher = threading.Thread(target=_stop_when_told, args=(process, stop, ended), daemon=True)
    watcher.start()
    try:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                on_line(line.rstrip("\r\n"))
        return process.wait()
    finally:
        ended.set()
        if process.poll() is None:
            _terminate(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        watcher.join()


def _stop_when_told(process: subprocess.Popen[str], stop: threading.Event, ended: threading.Event) -> None:
    while not ended.wait(0.1):
        if stop.is_set():
            _terminate(process)
            return


def _terminate(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)


def _environment(wheels: str | None) -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    passed |= {name: value for name, value in os.environ.items() if name.startswith("UV_")}
    return passed | ({FIND_LINKS: wheels} if wheels else {})
