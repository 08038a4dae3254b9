"""A shell in the state in which a run's training starts: its code, environment, data, directories and variables.

It goes through the train stage's own steps up to the command. Where one cannot be done, as after a failed install, the
shell opens all the same with what there is. What it does is kept nowhere: neither documents nor logs are written.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from verbatim.documents import now
from verbatim.errors import PlatformFault, VerbatimError
from verbatim.network import AUTHORITIES, FIND_LINKS, INDEXES
from verbatim.stage import CodeRef, Entry, EnvironmentRef, PrepareOutputs, StageResult
from verbatim.store import Store
from verbatim_runner.entry import find_entry
from verbatim_runner.environment.build import Environment
from verbatim_runner.environment.declared import find_declaration, find_python
from verbatim_runner.environment.interpreters import choose_interpreter, find_interpreter, own_interpreter
from verbatim_runner.environment.uv import find_uv, run_uv_apart
from verbatim_runner.project import Project
from verbatim_runner.sources.code import store_code
from verbatim_runner.stages.train import STEPS
from verbatim_runner.training.state import Training
from verbatim_runner.training.steps.build_environment import build_environment
from verbatim_runner.training.steps.fetch_data import fetch_data
from verbatim_runner.training.steps.write_contract import write_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from verbatim.documents import Document
    from verbatim_runner.environment.interpreters import Interpreter
    from verbatim_runner.stage_context import StageContext

    Step = Callable[[Training], None]

NOT_EXECUTABLE, NOT_FOUND, SIGNALLED = 126, 127, 128
"""Exit codes as shells have them."""
_NO_LOCK = "0" * 64
_UNKNOWN = ("unknown",)


class UnwrittenStore(Store):
    """A store whose documents are read and never written. Blobs may be: they say nothing of any run."""

    def publish(self, key: str, document: Document) -> None:
        """Do nothing."""

    def overwrite(self, key: str, content: bytes) -> None:
        """Do nothing."""


def open_shell(context: StageContext, command: Sequence[str]) -> int:
    """Open a shell, or run one command, and wait for its end.

    Args:
        context: That of a train stage, whose store is an ``UnwrittenStore``. Its request has the results of the run's
            stages, as far as there are any.
        command: What to run; a shell if empty.

    Returns:
        The shell's exit code, as shells spell it.

    Raises:
        VerbatimError: Not even the code is to be had.
    """
    with redirect_stdout(sys.stderr):  # the command's own output is all there is on stdout
        prepared = context.request.inputs.get("prepare")
        if not prepared or not isinstance(prepared.outputs, PrepareOutputs):
            context = _as_if_prepared(context)
        training = Training.begin(context)
        with training.closing:
            _go_through_steps(training)
            _greet(training, interactive=not command)
            try:
                return _run(training, list(command) or _shell())
            finally:
                context.isolation.end_trainer()


def _go_through_steps(training: Training) -> None:
    """Take the steps before the command; two of them have a way out, so that what they fail for can be looked into."""
    instead: dict[Step, Step] = {build_environment: _build_or_make_environment, fetch_data: _fetch_data_or_none}
    for step in STEPS[: STEPS.index(write_contract) + 1]:
        training.step = step.__name__
        instead.get(step, step)(training)


def _build_or_make_environment(training: Training) -> None:
    if training.prepared.environment.lock_digest != _NO_LOCK:
        try:
            build_environment(training)
        except VerbatimError as error:
            training.context.console.say(error.message)
        else:
            return
    _make_environment(training)


def _fetch_data_or_none(training: Training) -> None:
    try:
        fetch_data(training)
    except VerbatimError as error:
        training.context.console.say(f"{error.message}; the channels are empty")
        training.channels = training.places.channels(training.context.request.spec.data)
        for directory in training.channels.values():
            directory.mkdir(exist_ok=True)


def _as_if_prepared(context: StageContext) -> StageContext:
    """Return the context with what the prepare stage could have made, had only its environment failed."""
    code = store_code(context)
    project = Project.lay_out(context, code)
    interpreter = own_interpreter()
    local_packages: tuple[str, ...] = ()
    try:
        entry = find_entry(project)
        interpreter = choose_interpreter(context, find_python(project, entry))
        local_packages = find_declaration(project, entry).local
    except VerbatimError as error:
        context.console.say(error.message)
        entry = Entry(argv=_UNKNOWN, appends_parameters=False, found_by="nothing")
    request = context.request
    moment = now()
    result = StageResult(
        run_id=request.run_id, stage="prepare", try_number=1, state="succeeded", started_at=moment, finished_at=moment,
        engine=request.engine, outputs=_prepared(code, entry, interpreter, local_packages),
    )  # fmt: skip
    return replace(context, request=request.model_copy(update={"inputs": request.inputs | {"prepare": result}}))


def _prepared(code: CodeRef, entry: Entry, interpreter: Interpreter, local_packages: tuple[str, ...]) -> PrepareOutputs:
    environment = EnvironmentRef(
        lock_digest=_NO_LOCK, python=interpreter.version, packages=0, declared_by="nothing", cached=False,
        local_packages=local_packages,
    )  # fmt: skip
    return PrepareOutputs(code=code, environment=environment, entry=entry)


def _make_environment(training: Training) -> None:
    """Make an empty environment that the shell's user may install into."""
    context = training.context
    interpreter = own_interpreter()
    with suppress(PlatformFault):
        interpreter = find_interpreter(context, training.prepared.environment.python)
    home = context.work_dir / "environment"
    home.mkdir()
    context.isolation.give_to_trainer(home)
    run_uv_apart(
        context, "venv", "--quiet", "--allow-existing", "--python", interpreter.path, str(home), cwd=context.work_dir,
        purpose="making a virtual environment",
    )  # fmt: skip
    with context.isolation.as_root():
        (home / "bin" / "uv").symlink_to(find_uv())
    training.environment = Environment(
        python=home / "bin" / "python", bin_dir=home / "bin", cached=False, version=interpreter.version, packages=0
    )
    context.console.say(f"the environment is an empty one of Python {interpreter.version}, with uv to install into it")


def _greet(training: Training, *, interactive: bool) -> None:
    if not interactive:
        return
    say = training.context.console.say
    say(f"a shell as training finds it in {training.context.request.run_id}")
    if training.prepared.entry.argv != _UNKNOWN:
        say(f"training starts with: {shlex.join(training.argv)}")
    say("nothing that is done here is kept: these directories are gone when the shell ends")


def _shell() -> list[str]:
    return ["/bin/bash", "--norc"] if os.access("/bin/bash", os.X_OK) else ["/bin/sh"]


def _run(training: Training, argv: list[str]) -> int:
    """Run a command on this process's own terminal, as the trainer."""
    isolation = training.context.isolation
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal's, for the command alone
    try:
        with isolation.as_root():
            identity = isolation.as_trainer()
            if identity and sys.stdin.isatty():  # so that /dev/tty's own name can be opened
                os.fchown(sys.stdin.fileno(), identity["user"], -1)
            command = [*training.prefix, *argv]
            process = subprocess.Popen(command, cwd=training.project, env=_variables(training), **identity)
    except PermissionError:
        training.context.console.say(f"{argv[0]} cannot be executed")
        return NOT_EXECUTABLE
    except OSError as error:
        training.context.console.say(f"{argv[0]} cannot be started: {error.strerror}")
        return NOT_FOUND
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            with isolation.as_root():
                process.kill()
    return code if code >= 0 else SIGNALLED - code


def _variables(training: Training) -> dict[str, str]:
    """Return training's variables, a prompt, and where nothing is installed, how packages are reached."""
    own = {"TERM": os.environ.get("TERM", "dumb"), "PS1": rf"({training.context.request.run_id}) \W \$ "}
    if training.environment.packages == 0:
        named = (*INDEXES, *AUTHORITIES, FIND_LINKS)
        own |= {name: os.environ[name] for name in named if name in os.environ}
    return own | training.variables
