"""Runs one command of the user's: follows its output, keeps its limits, ends it and all that it started.

Knows nothing of training: evaluation runs its command through this too. Says what happened as data; what that means is
``failure``'s to say.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from verbatim.errors import PlatformFault, Stopped, UserFault
from verbatim_runner.training.lines import LineSplitter
from verbatim_runner.training.memory import out_of_memory_kills
from verbatim_runner.training.meter import Meter
from verbatim_runner.training.system_libraries import advise_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verbatim.stage import Usage
    from verbatim_runner.stage_context import StageContext

GRACE_S = 10.0
TICK_S = 0.05
DRAIN_S = 2.0
READ_BYTES = 256 * 1024
PIPE_BYTES = 1024 * 1024
DRAIN_INTERVAL_S = 0.005
"""Between two reads of the pipe: a reader that waits for every line costs the one that prints it dearly."""
TAIL_LINES = 200
TAIL_CHARS = 4096
"""Of one line in the tail."""


@dataclass(frozen=True)
class Finished:
    """How a command ended.

    Attributes:
        exit_code: The command's; negative for the signal that ended it.
        usage: What it used.
        out_of_memory: Whether the kernel killed it, or a part of it, for want of memory.
        tail: The last lines of its output, each cut after ``TAIL_CHARS``.
    """

    exit_code: int
    usage: Usage
    out_of_memory: bool
    tail: tuple[str, ...]


def run_user_command(  # noqa: PLR0917 - what is run, where, and who listens: in the order of subprocess
    context: StageContext,
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
    stop: threading.Event,
    *,
    prefix: Sequence[str] = (),
    on_progress: Callable[[str], None] = lambda _state: None,
    on_tick: Callable[[], None] = lambda: None,
) -> Finished:
    """Run a command as the trainer and follow it to its end.

    Its output, standard error merged, is spooled to disk as it comes: the command never waits for whoever reads it.

    Args:
        context: The stage.
        argv: The command.
        cwd: Where it runs.
        env: Its whole environment.
        on_line: Called with each line of output, in this thread.
        stop: Set by whoever wants the command ended.
        prefix: What starts the command in its place, and becomes it.
        on_progress: Called with each state of a progress bar that is overwritten.
        on_tick: Called in this thread many times a second, also while the command is silent.

    Returns:
        How it ended, whatever its exit code.

    Raises:
        UserFault: There is no such command.
        Stopped: It was stopped: by ``stop``, by the time limit or by a signal to this process. It is gone by then.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)

    def line(text: str) -> None:
        tail.append(text[:TAIL_CHARS])
        on_line(text)

    kills = out_of_memory_kills()
    with _Command(context, argv, cwd, env, prefix) as command:
        output = _Output(command.spool, LineSplitter(line, on_progress))
        try:
            _follow(command, output, stop, context.request.spec.resources.timeout_s, on_tick)
        finally:
            command.end()
            output.read_all()
    exit_code, usage = command.result()
    if context.request.engine == "docker":
        out_of_memory = exit_code != 0 and out_of_memory_kills() > kills
    else:  # nobody counts for this process alone; a kill that is not ours is nearly always the kernel's
        out_of_memory = exit_code in {-signal.SIGKILL, 128 + signal.SIGKILL}
    return Finished(exit_code, usage, out_of_memory, tail=tuple(tail))


def _follow(
    command: _Command, output: _Output, stop: threading.Event, timeout_s: float, on_tick: Callable[[], None]
) -> None:
    deadline = time.monotonic() + timeout_s
    behind = False
    while not command.exited.wait(0 if behind else TICK_S):
        behind = output.read_some() == READ_BYTES
        command.meter.look()
        on_tick()
        if stop.is_set():
            raise Stopped("the run was cancelled; its command was ended")
        if time.monotonic() > deadline:
            raise Stopped(
                f"the command ran longer than the limit of {timeout_s:g} s and was ended", field="resources.timeout"
            )


class _Output:
    """The command's output, read from the spool."""

    def __init__(self, spool: Path, splitter: LineSplitter) -> None:
        self._file = spool.open("rb")
        self._splitter = splitter

    def read_some(self) -> int:
        """Read what came, at most ``READ_BYTES``; return how many bytes that was."""
        content = self._file.read(READ_BYTES)
        self._splitter.feed(content)
        return len(content)

    def read_all(self) -> None:
        while self.read_some():
            pass
        self._splitter.end()
        self._file.close()


class _Command:
    """The process group of one command, and the thread that spools its output."""

    def __init__(
        self, context: StageContext, argv: Sequence[str], cwd: Path, env: Mapping[str, str], prefix: Sequence[str]
    ) -> None:
        self.exited = threading.Event()
        self.spool = context.work_dir / f"output-{time.monotonic_ns()}"
        self.spool.touch(mode=0o600)
        self._context = context
        self._argv = argv
        self._prefix = prefix
        self._started_at = time.monotonic()
        self._duration_s = 0.0
        self._result: tuple[int, Usage] | None = None
        self._spool_fault: OSError | None = None
        self._process = self._start(cwd, env)
        self.meter = Meter(self._process.pid, alone=context.request.engine == "docker")
        self._drain = threading.Thread(target=self._copy_output, daemon=True)
        self._drain.start()
        threading.Thread(target=self._wait, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()
        self.spool.unlink(missing_ok=True)

    def result(self) -> tuple[int, Usage]:
        """Return the exit code and the usage of a command that has ended.

        Raises:
            PlatformFault: Its output could not be kept.
        """
        if self._spool_fault:
            raise PlatformFault(f"the command's output could not be kept: {self._spool_fault}")
        assert self._result is not None
        return self._result

    def end(self) -> None:
        """End the command if it runs, and whatever it left running in its group."""
        if self._result:
            return
        if not self.exited.is_set():
            self._signal(signal.SIGTERM)
            self.exited.wait(GRACE_S)
        self._signal(signal.SIGKILL)
        self.exited.wait()
        self._result = self._reap()
        self._context.isolation.end_trainer()  # also what left the group
        self._drain.join(DRAIN_S)

    def _start(self, cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        isolation = self._context.isolation
        self._read_end, write_end = os.pipe()
        with suppress(OSError):  # the user's pipes may hold so much already that there is no more
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            with isolation.as_root():
                identity = isolation.as_trainer()
                if identity:  # so that /dev/stdout and /dev/stderr can be opened
                    os.fchown(write_end, identity["user"], identity["group"])
                if self._prefix:
                    _check_startable(self._argv[0], cwd, env)
                process = subprocess.Popen(
                    [*self._prefix, *self._argv],
                    cwd=cwd,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=write_end,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **identity,
                )
                with suppress(OSError):  # when memory runs out, the kernel should take the command and not the runner
                    Path(f"/proc/{process.pid}/oom_score_adj").write_text("500")
        except (OSError, ValueError) as error:
            os.close(self._read_end)
            raise _not_startable(self._argv[0], cwd, error) from None
        finally:
            os.close(write_end)
        return process

    def _copy_output(self) -> None:
        with self.spool.open("ab", buffering=0) as spool, os.fdopen(self._read_end, "rb", buffering=0) as pipe:
            try:
                while content := pipe.read(PIPE_BYTES):
                    spool.write(content)
                    time.sleep(DRAIN_INTERVAL_S)
            except OSError as error:
                self._spool_fault = error

    def _wait(self) -> None:
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)  # not reaped: its group's number stays taken
        self._duration_s = time.monotonic() - self._started_at
        self.exited.set()

    def _reap(self) -> tuple[int, Usage]:
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode, self.meter.usage(self._duration_s, used)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError), self._context.isolation.as_root():
            os.killpg(self._process.pid, number)


def _check_startable(program: str, cwd: Path, env: Mapping[str, str]) -> None:
    """Find a program as ``Popen`` does, for what is started through another one.

    Raises:
        FileNotFoundError: There is none.
        PermissionError: It cannot be executed.
    """
    path = cwd / program if "/" in program else shutil.which(program, mode=os.F_OK, path=env.get("PATH"))
    if path is None or not Path(path).is_file():
        raise FileNotFoundError(program)
    if not os.access(path, os.X_OK):
        raise PermissionError(program)


def _not_startable(program: str, cwd: Path, error: Exception) -> UserFault:
    if isinstance(error, PermissionError):
        reason = f"command cannot be executed: {program}; is it marked as executable (chmod +x)?"
    elif isinstance(error, FileNotFoundError):
        reason = f"command not found: {program}; {advise_program(program) or project_listing(cwd)}"
    elif isinstance(error, OSError) and error.errno == errno.E2BIG:
        reason = (
            f"command cannot be started: {program}: its arguments are too long for this system. Let a large parameter "
            'be read from $VERBATIM_PARAMETERS, and name the others in the command: "command": "… {parameters.epochs}"'
        )
    else:
        reason = f"command cannot be started: {program}: {error}"
    return UserFault(reason, field="command")


def project_listing(project: Path) -> str:
    """Return what a project holds, in a few words for an error's text."""
    names = sorted(
        entry.name + ("/" if entry.is_dir() else "") for entry in project.iterdir() if not entry.name.startswith(".")
    )
    return f"the project has: {', '.join(names[:20]) or 'nothing'}{' …' if len(names) > 20 else ''}"
