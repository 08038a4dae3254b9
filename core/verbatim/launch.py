"""Starting the runner's zipapp for one stage in a subprocess: the process engine's and ``verbatim run``'s one way.

It isolates little: the user's code runs as the platform's own uid. Whoever uses it says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.errors import PlatformFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim.stage import StageRequest, StageSecrets

GRACE_S = 15.0
_PASSED_ON = (
    "PATH", "HOME", "LANG", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "VERBATIM_PLATFORM",  # by it `verbatim down` finds what its platform has started
)  # fmt: skip


def launch_stage(
    request: StageRequest, secrets: StageSecrets, *, zipapp: Path, on_line: Callable[[str], None], stop: threading.Event
) -> int:
    """Run one stage to its end.

    Args:
        request: The stage's request; the store and the cache as this machine sees them.
        secrets: Handed over in a file that is deleted when it has been read.
        zipapp: The runner.
        on_line: Called with each line of output, without its end.
        stop: Set it to stop the stage: SIGTERM to the runner, which stops the user's command; SIGKILL after
            ``GRACE_S`` seconds.

    Returns:
        The exit code, negative for a signal.

    Raises:
        PlatformFault: The zipapp is not there.
    """
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
        process = subprocess.Popen(
            [python, "-I", str(zipapp), "stage", "--input", str(given), "--work", f"{scratch}/work"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment(),
            start_new_session=True, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        return _follow(process, on_line, stop)


def _follow(process: subprocess.Popen[str], on_line: Callable[[str], None], stop: threading.Event) -> int:
    ended = threading.Event()
    watcher = threading.Thread(target=_stop_when_told, args=(process, stop, ended), daemon=True)
    watcher.start()
    try:
        assert process.stdout is not None
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


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {name: value for name, value in os.environ.items() if name.startswith("UV_")}
