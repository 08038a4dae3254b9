"""Running one command: every line, whatever it prints; nothing left running; stopped when told."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from verbatim.errors import Stopped
from verbatim_runner.training.lines import CONTINUES, MAX_LINE_BYTES, LineSplitter
from verbatim_runner.training.supervisor import run_user_command


@pytest.fixture
def run(trainings):
    """Run a Python script and return its end, its lines and its progress states."""

    def run(script, *, stop=None, on_tick=lambda: None, lines=None):
        lines, states = [] if lines is None else lines, []
        context = trainings.ground.context(trainings.request())
        finished = run_user_command(
            context, [sys.executable, "-c", script], context.work_dir, os.environ | {"PYTHONUNBUFFERED": "1"},
            on_line=lines.append, stop=stop or threading.Event(), on_progress=states.append, on_tick=on_tick,
        )  # fmt: skip
        return finished, lines, states

    return run


def gone(pid: int) -> bool:
    """Return whether a process has ended, or ends within five seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
    return False


def test_both_streams_come_in_order_and_the_last_line_needs_no_end(run):
    finished, lines, _ = run("import sys; print('a'); print('b', file=sys.stderr); print('c', end='')")
    assert lines == ["a", "b", "c"]
    assert finished.exit_code == 0


def test_no_line_is_lost_or_cut_however_fast_it_comes(run):
    _, lines, _ = run("for i in range(200_000): print(f'line {i} é')")
    assert lines == [f"line {i} é" for i in range(200_000)]


def test_what_is_no_utf8_is_shown_and_does_no_harm(run):
    assert run(r"import sys; sys.stdout.buffer.write(b'\xff\xfe caf\xc3\xa9\n')")[1] == ["�� café"]


def test_a_process_left_in_the_background_is_ended_and_not_waited_for(run):
    script = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid)"
    )
    _, lines, _ = run(script)
    assert gone(int(lines[0]))


def test_a_stop_ends_the_whole_group_and_keeps_what_was_said(run):
    stop = threading.Event()
    said = []
    script = """if 1:
        import os, signal, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("bye")))
        print(os.getpid(), child.pid)
        signal.pause()
    """
    with pytest.raises(Stopped):
        run(script, stop=stop, lines=said, on_tick=lambda: stop.set() if said else None)
    assert said[-1] == "bye"
    assert all(gone(int(pid)) for pid in said[0].split())


def test_a_command_that_ignores_sigterm_is_killed(run, monkeypatch):
    monkeypatch.setattr("verbatim_runner.training.supervisor.GRACE_S", 0.2)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        run("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()", stop=stop)


def test_a_signal_to_the_runner_ends_the_command_first(run):
    def stop(_number, _frame):
        raise Stopped("stopped by SIGUSR1")

    before = signal.signal(signal.SIGUSR1, stop)
    ticks = []

    def once():
        ticks.append(1)
        if len(ticks) == 2:
            signal.raise_signal(signal.SIGUSR1)

    try:
        with pytest.raises(Stopped, match="SIGUSR1"):
            run("import signal; signal.pause()", on_tick=once)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_exit_code_is_the_commands(run):
    assert run("raise SystemExit(7)")[0].exit_code == 7
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")[0].exit_code == -signal.SIGSEGV


def test_dev_stdout_and_dev_stderr_can_be_opened(run):
    assert run("open('/dev/stdout', 'w').write('a\\n'); open('/dev/stderr', 'w').write('b\\n')")[1] == ["a", "b"]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_progress_bar_becomes_its_last_state_and_its_states_are_told(size):
    lines, states = [], []
    splitter = LineSplitter(lines.append, states.append)
    content = b"start\r\n\r 10%\r 50%\r100%\nend\r\nwaiting\r"
    for start in range(0, len(content), size):
        splitter.feed(content[start : start + size])
    splitter.end()
    assert lines == ["start", "100%", "end", "waiting"]
    assert states == [" 10%", " 50%"]


def test_a_line_without_an_end_is_cut_between_characters_with_a_mark():
    lines = []
    splitter = LineSplitter(lines.append, lambda _state: None)
    text = "x" + "é" * MAX_LINE_BYTES
    splitter.feed(text.encode())
    splitter.end()
    assert len(lines) == 3
    assert all(line.endswith(CONTINUES) for line in lines[:-1])
    assert "".join(line.removesuffix(CONTINUES) for line in lines) == text


def test_a_line_of_a_megabyte_is_whole():
    lines = []
    splitter = LineSplitter(lines.append, lambda _state: None)
    content = b'{"weights": "' + b"x" * 1_000_000 + b'"}\nnext\n'
    for start in range(0, len(content), 65536):
        splitter.feed(content[start : start + 65536])
    assert [len(line) for line in lines] == [1_000_015, 4]


def test_a_flood_without_lines_comes_in_pieces_of_bounded_size():
    sizes = []
    splitter = LineSplitter(lambda line: sizes.append(len(line)), lambda _state: None)
    for _ in range(40):
        splitter.feed(bytes(range(128, 256)) * 2048)
    splitter.end()
    assert sum(sizes) >= 40 * 128 * 2048
    assert max(sizes) <= MAX_LINE_BYTES + len(CONTINUES)


def test_what_a_command_writes_to_disk_is_measured_with_its_childrens(run, tmp_path):
    write = (
        f"import os; f = open({str(tmp_path / 'data')!r}, 'wb'); f.write(b'x' * 10**7); f.flush(); os.fsync(f.fileno())"
    )
    usage = run(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {write!r}], check=True)")[0].usage
    if usage.disk_written_bytes:  # not in memory, where some systems have their temporary files
        assert usage.disk_written_bytes >= 10**7
    assert usage.network_sent_bytes is None  # nobody counts for one process alone
