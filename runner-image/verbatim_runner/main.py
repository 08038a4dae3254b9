"""The runner's one command: run one stage from its request, write its result, exit with its code.

``verbatim-runner stage --input DIR --work DIR`` finds ``request.json`` and ``secrets.json`` in the input directory; the
secrets are deleted as soon as they are read.
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
    from datetime import datetime

PR_SET_PDEATHSIG = 1
"""Of ``prctl``, see linux/prctl.h."""


def main() -> None:
    """Run the stage that the arguments name."""
    parser = argparse.ArgumentParser(prog="verbatim-runner", description="Runs one stage of a Verbatim run.")
    stage = parser.add_subparsers(dest="command", required=True).add_parser("stage", help="run one stage")
    stage.add_argument("--input", type=Path, required=True, help="directory with request.json and secrets.json")
    stage.add_argument("--work", type=Path, required=True, help="directory to work in; emptied first and removed last")
    arguments = parser.parse_args()
    _end_with_parent()
    code = run_stage(arguments.input, arguments.work)
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    os._exit(code)  # taking Great Expectations down object by object would cost 0.4 s


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
    console = Console()
    try:
        request = StageRequest.parse((input_dir / "request.json").read_bytes(), source="request.json")
        secrets_file = input_dir / "secrets.json"
        secrets = StageSecrets.parse(secrets_file.read_bytes(), source="secrets.json")
        secrets_file.unlink()
        store = Store(request.store_url, secrets.store)
        isolation = Isolation(switches=request.engine == "docker" and os.geteuid() == 0)
        if store.local_root:
            isolation.work_as_owner_of(store.local_root)
    except (VerbatimError, OSError) as error:
        console.say(f"platform fault: {error}")
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
    with isolation.as_root():
        shutil.rmtree(work_dir, ignore_errors=True)
    return code


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
