"""A run on this machine without Airflow: the runner's zipapp started for one stage after another, in subprocesses."""

from __future__ import annotations

import signal
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.connections import secrets_for
from verbatim.data.waiting import described
from verbatim.documents import now
from verbatim.errors import ContractError, GateFailed, PlatformFault, RequestError, Stopped, VerbatimError
from verbatim.ids import new_run_id
from verbatim.launch import launch_stage
from verbatim.lifecycle import RunLifecycle, raise_for
from verbatim.problems import Problem
from verbatim.request import parse_request
from verbatim.spec import Image
from verbatim.store import hash_file
from verbatim_cli.connections import read_connection
from verbatim_cli.console import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from verbatim.settings import PlatformSettings
    from verbatim.stage import StageName

TRY = 1
TAIL_LINES = 20


class LocalRun:
    """Runs confs here, one at a time.

    Args:
        books: Store, catalog and bookkeeping.
        settings: Where the zipapp and the cache are.
        console: What the stages write is shown here as it comes.
    """

    def __init__(self, books: RunLifecycle, settings: PlatformSettings, console: Console) -> None:
        self._books = books
        self._settings = settings
        self._console = console
        self._stop = threading.Event()

    def execute(self, conf: Mapping[str, Any]) -> str:
        """Run a conf to its end; SIGINT and SIGTERM stop it cleanly.

        Returns:
            The run's id. How the run went is in its record.

        Raises:
            RequestError: The conf is wrong, or waits for something, which Airflow's triggerer does; nothing was run.
            PlatformFault: The zipapp is not there.
        """
        moment, request = now(), parse_request(conf)
        if request.wait_for:
            hint = "Submit it with `verbatim submit`, or leave wait_for out once the data is there."
            expected, came = "nothing, since a run without Airflow does not wait", described(request.wait_for[0])
            raise RequestError([Problem(field="wait_for", expected=expected, got=came, hint=hint)])
        run_id = new_run_id(request.experiment_name, moment)
        zipapp = Path(self._settings.runner)
        image = Image(reference=zipapp.name, digest=f"sha256:{_digest(zipapp)}")
        self._console.print(f"[bold]{run_id}[/]  on this machine, without a container")
        pinned = self._books.pin(
            conf, run_id=run_id, try_number=TRY, image=image, engine="process", actor=getuser(),
            origin={"command": "verbatim run"}, moment=moment, read_connection=read_connection,
        )  # fmt: skip
        for warning in pinned.warnings:
            self._console.print(f"[yellow]{plain(warning)}[/]")
        with self._stopping_on_signals():
            self._stages(run_id)
        return run_id

    def _stages(self, run_id: str) -> None:
        """Run the stages until one fails; a failed gate still lets its version be registered, as rejected."""
        try:
            with ThreadPoolExecutor(2) as pool:
                data = pool.submit(self._chain, run_id, "extract", "validate")
                _all([data, pool.submit(self._chain, run_id, "prepare")])
            self._chain(run_id, "train")
            try:
                self._chain(run_id, "evaluate")
            except GateFailed:
                self._chain(run_id, "register")
                return
            self._chain(run_id, "register")
            self._books.promote(run_id, TRY, getuser())
        except VerbatimError as error:
            self._console.print(f"[red]{plain(str(error))}[/]")

    def _chain(self, run_id: str, *stages: StageName) -> None:
        for stage in stages:
            self._stage(run_id, stage)

    def _stage(self, run_id: str, stage: StageName) -> None:
        request = self._books.stage_request(
            run_id, stage, TRY, engine="process", store_url=self._books.store.url, cache_dir=self._settings.cache_dir
        )
        if self._books.not_needed(request):
            return
        tail: deque[str] = deque(maxlen=TAIL_LINES)

        def show(line: str) -> None:
            tail.append(line)
            self._console.print(f"[dim]{stage:<9}│[/] {plain(line)}" if line else f"[dim]{stage:<9}│[/]")

        try:
            secrets = secrets_for(request, self._settings, read_connection)
        except VerbatimError as error:
            self._books.fail(request, error)
            raise
        code = launch_stage(
            request, secrets, zipapp=Path(self._settings.runner), wheels=self._settings.wheels, on_line=show,
            stop=self._stop,
        )  # fmt: skip
        try:
            result = self._books.result_of(request)
        except ContractError as error:
            ended = ContractError(f"{error.message} (code {code}); its last lines:\n" + "\n".join(tail))
            result = self._books.fail(request, Stopped("stopped by hand") if self._stop.is_set() else ended)
        else:
            self._books.finish(result)
        raise_for(result)

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, lambda *_: self._stop.set()) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def _all(futures: list[Future[None]]) -> None:
    """Wait for all; raise the first one's error."""
    errors = [error for error in (future.exception() for future in futures) if error]
    if errors:
        raise errors[0]


def _digest(zipapp: Path) -> str:
    if not zipapp.is_file():
        raise PlatformFault(f"the runner {zipapp} is not there; build it with: make zipapp")
    return hash_file(zipapp)[0]
