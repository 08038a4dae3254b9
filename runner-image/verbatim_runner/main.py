"""The runner's command: run one stage from its request, write its result, exit with its code; or answer about one.

``verbatim-runner stage --input DIR --work DIR`` finds ``request.json`` and ``secrets.json`` in the input directory; the
secrets are deleted as soon as they are read. So do ``shell``, with a command after ``--`` or none, ``inspect`` and
``profile``.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import os
import shutil
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from verbatim.documents import now
from verbatim.errors import PlatformFault, Stopped, VerbatimError
from verbatim.exit_codes import ExitCode
from verbatim.stage import Outputs, StageError, StageRequest, StageResult, StageSecrets
from verbatim.store import LiveWriter, Store, layout
from verbatim.system_packages import SystemPackages
from verbatim_runner.console import Console
from verbatim_runner.isolation import Isolation
from verbatim_runner.stage_context import StageContext, StageFailed
from verbatim_runner.system_packages import SystemPackagesNeeded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from verbatim.documents import Document

PR_SET_PDEATHSIG = 1
"""Of ``prctl``, see linux/prctl.h."""


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="verbatim-runner", description="Runs one stage of a Verbatim run.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, what in (
        ("stage", "run one stage"),
        ("shell", "open a shell where training starts; or run what is after --"),
        ("inspect", "print what a project is found to be, as one line of JSON"),
        ("profile", "print a suite that a snapshot meets, as one line of JSON"),
    ):
        asked = verbs.add_parser(verb, help=what)
        asked.add_argument("--input", type=Path, required=True, help="directory with request.json and secrets.json")
        asked.add_argument("--work", type=Path, required=True, help="directory to work in; emptied first, removed last")
    own, command = _split(sys.argv[1:])
    arguments = parser.parse_args(own)
    _end_with_parent()
    if arguments.verb == "shell":
        code = run_shell(arguments.input, arguments.work, command)
    elif arguments.verb == "inspect":
        code = run_inspection(arguments.input, arguments.work)
    elif arguments.verb == "profile":
        code = run_profile(arguments.input, arguments.work)
    else:
        code = run_stage(arguments.input, arguments.work)
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    os._exit(code)  # taking Great Expectations down object by object would cost 0.4 s


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before and after the first ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:end], arguments[end + 1 :]


def _end_with_parent() -> None:
    """Ask Linux for SIGTERM when whoever follows this process is gone, so that no stage goes on beside its next try."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run_stage(input_dir: Path, work_dir: Path) -> ExitCode:
    """Run one stage.

    Args:
        input_dir: Holds ``request.json`` and ``secrets.json``.
        work_dir: A directory of the stage's own.

    Returns:
        The exit code; except for faults of the platform itself, a result document is in the store by then.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    started_at = now()
    try:
        request, secrets = _receive(input_dir)
        store = Store(request.store_url, secrets.store)
        isolation = _isolate(request, store)
    except (VerbatimError, OSError) as error:
        Console().say(f"platform fault: {error}")
        return ExitCode.PLATFORM_FAULT
    stream = LiveWriter(store, layout.log_prefix(request.run_id, request.stage), request.try_number, "log")
    context = StageContext(request, secrets, store, Console(stream), isolation, work_dir)
    try:
        outputs, failure = _attempt(context)
        if failure:
            kind = StageError.of(failure).kind
            context.console.say(failure.message if kind == "stopped" else f"{kind} fault: {failure.message}")
        code = _deliver(context, started_at, outputs, failure)
    except SystemPackagesNeeded as needed:
        code = _ask_for(context, needed.packages)
    _clear(context)
    return code


def run_shell(input_dir: Path, work_dir: Path, command: list[str]) -> int:
    """Open a shell in the state in which a training starts.

    Args:
        input_dir: As of ``run_stage``; the request is the train stage's.
        work_dir: As of ``run_stage``.
        command: What to run instead of a shell.

    Returns:
        The shell's exit code; where it cannot be opened, that of the fault.
    """
    from verbatim_runner.shell import UnwrittenStore, open_shell

    signal.signal(signal.SIGTERM, _stop)
    try:
        context = _open(input_dir, work_dir, UnwrittenStore)
        try:
            return open_shell(context, command)
        finally:
            _clear(context)
    except VerbatimError as error:
        print(f"{Console.PREFIX}{error}", file=sys.stderr)
        return error.exit_code


def run_inspection(input_dir: Path, work_dir: Path) -> ExitCode:
    """Print what a project is found to be, as one line of JSON; where that cannot be told, the fault.

    Args:
        input_dir: As of ``run_stage``; the request is the prepare stage's.
        work_dir: As of ``run_stage``.
    """
    from verbatim_runner.inspection import inspect_project

    return _answer(input_dir, work_dir, inspect_project)


def run_profile(input_dir: Path, work_dir: Path) -> ExitCode:
    """Print a suite that a snapshot meets, as one line of JSON; where none can be drafted, the fault.

    Args:
        input_dir: As of ``run_stage``; the request is the validate stage's, with one snapshot.
        work_dir: As of ``run_stage``.
    """
    from verbatim_runner.profile import profile_snapshot

    return _answer(input_dir, work_dir, profile_snapshot)


def _answer(input_dir: Path, work_dir: Path, ask: Callable[[StageContext], Document]) -> ExitCode:
    """Print what a question has for an answer; where it has none, the fault."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        context = _open(input_dir, work_dir, Store)
        try:
            answer = ask(context)
        finally:
            _clear(context)
    except VerbatimError as error:
        print(StageError.of(error).canonical().decode())
        return error.exit_code
    print(answer.canonical().decode())
    return ExitCode.OK


def _open(input_dir: Path, work_dir: Path, store_type: type[Store]) -> StageContext:
    """Return the context of what is no try of a stage: nothing of it is logged into the store."""
    request, secrets = _receive(input_dir)
    store = store_type(request.store_url, secrets.store)
    isolation = _isolate(request, store)
    isolation.make_directory(work_dir)
    return StageContext(request, secrets, store, Console(), isolation, work_dir)


def _clear(context: StageContext) -> None:
    """Remove what the stage worked in; what cannot be removed of the cache, a later stage removes."""
    with suppress(OSError):
        context.closing.close()
    with context.isolation.as_root():
        shutil.rmtree(context.work_dir, ignore_errors=True)


def _receive(input_dir: Path) -> tuple[StageRequest, StageSecrets]:
    """Read what was handed over; the secrets are deleted."""
    request = StageRequest.parse((input_dir / "request.json").read_bytes(), source="request.json")
    secrets_file = input_dir / "secrets.json"
    secrets = StageSecrets.parse(secrets_file.read_bytes(), source="secrets.json")
    secrets_file.unlink()
    return request, secrets


def _isolate(request: StageRequest, store: Store) -> Isolation:
    isolation = Isolation(switches=request.engine == "docker" and os.geteuid() == 0)
    if store.local_root:
        isolation.work_as_owner_of(store.local_root)
    return isolation


def _attempt(context: StageContext) -> tuple[Outputs | None, VerbatimError | None]:
    """Run the stage's verb; whatever goes wrong comes back as data."""
    try:
        with context.isolation.as_root():
            shutil.rmtree(context.work_dir, ignore_errors=True)
        context.isolation.make_directory(context.work_dir)
        module = importlib.import_module(f"verbatim_runner.stages.{context.request.stage}")
        return module.run(context), None
    except StageFailed as failed:
        return failed.outputs, failed.cause
    except VerbatimError as error:
        return None, error
    except SystemPackagesNeeded:
        raise
    except OSError as error:
        return None, PlatformFault(f"{error.strerror or error}: {error.filename or 'the machine'}")
    except Exception as error:  # noqa: BLE001 - the edge of the process: nothing may pass it but data
        context.console.say(traceback.format_exc())
        return None, PlatformFault(f"the {context.request.stage} stage broke: {type(error).__name__}: {error}")


def _deliver(
    context: StageContext, started_at: datetime, outputs: Outputs | None, failure: VerbatimError | None
) -> ExitCode:
    """Publish the result; where no document can hold its outputs, one without them."""
    request = context.request
    try:
        result = StageResult(
            run_id=request.run_id, stage=request.stage, try_number=request.try_number,
            state="failed" if failure else "succeeded", started_at=started_at, finished_at=now(), engine=request.engine,
            warnings=tuple(context.warnings), error=StageError.of(failure) if failure else None, outputs=outputs,
        )  # fmt: skip
        context.console.flush()
        context.store.publish(layout.stage_result(request.run_id, request.stage, request.try_number), result)
    except VerbatimError as error:
        Console().say(f"platform fault: the result could not be stored: {error}")
        return ExitCode.PLATFORM_FAULT
    except Exception as error:
        if outputs is None:
            raise
        context.console.say(traceback.format_exc())
        fault = PlatformFault(f"the result of the {request.stage} stage cannot be written down: {error}")
        return _deliver(context, started_at, None, failure or fault)
    return failure.exit_code if failure else ExitCode.OK


def _ask_for(context: StageContext, packages: tuple[str, ...]) -> ExitCode:
    """Leave word of the packages that the stage lacks here; it is no result."""
    request = context.request
    key = layout.system_packages(request.run_id, request.stage, request.try_number)
    try:
        context.store.publish(key, SystemPackages(names=packages))
    except VerbatimError as error:
        context.console.say(f"platform fault: what the stage needs could not be stored: {error}")
        return ExitCode.PLATFORM_FAULT
    context.console.say(f"apt.txt needs {', '.join(packages)}: going on where they are installed")
    return ExitCode.NEEDS_PACKAGES


def _stop(number: int, _frame: object) -> None:
    raise Stopped(f"stopped by {signal.Signals(number).name}")
