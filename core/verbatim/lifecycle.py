"""A run's passage through its stages, as whoever orchestrates it sees it: Airflow's operators, or ``verbatim run``.

It writes stage requests, reads results and has the books kept (``verbatim.books``). It never runs a stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verbatim.books import Books
from verbatim.connections import no_connection
from verbatim.documents import now
from verbatim.errors import ContractError, NotFound, RequestError, UserFault, VerbatimError
from verbatim.pin import check_request, pin_request
from verbatim.problems import printable
from verbatim.record import latest_results
from verbatim.request import parse_request
from verbatim.spec import Image, RunSpec
from verbatim.stage import (
    EngineName,
    EvaluateOutputs,
    ExtractOutputs,
    Outputs,
    PinOutputs,
    PromoteOutputs,
    RegisterOutputs,
    StageError,
    StageName,
    StageRequest,
    StageResult,
    TrainOutputs,
    ValidateOutputs,
)
from verbatim.store import Store, layout
from verbatim.system_packages import SystemPackages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from verbatim.catalog import Catalog
    from verbatim.connections import ReadConnection
    from verbatim.settings import PlatformSettings

    Awaited = Callable[[Mapping[str, Any], datetime], datetime]
    Interval = tuple[datetime, datetime]

CHAMPION = "champion"
_NEEDS: dict[StageName, tuple[StageName, ...]] = {
    "extract": (),
    "prepare": (),
    "validate": ("extract",),
    "train": ("extract", "prepare", "validate"),
    "evaluate": ("extract", "prepare", "train"),
    "register": ("extract", "prepare", "validate", "train", "evaluate"),
}


def experiment_of(conf: Mapping[str, Any]) -> str:
    """Return the experiment that a conf names; ``default`` for a conf that cannot be read."""
    try:
        return parse_request(conf).experiment_name
    except RequestError:
        return "default"


def raise_for(result: StageResult) -> None:
    """Raise the error that a failed result stands for; do nothing for one that succeeded."""
    if result.error:
        raise result.error.as_exception()


class RunLifecycle:
    """The books of runs.

    Args:
        store: Where documents and blobs lie.
        catalog: The index, and all mutable state.
        settings: The platform's settings.
    """

    def __init__(self, store: Store, catalog: Catalog, settings: PlatformSettings) -> None:
        self.store = store
        self.catalog = catalog
        self._settings = settings
        self._books = Books(store, catalog)

    def pin(
        self,
        conf: Mapping[str, Any],
        *,
        run_id: str,
        try_number: int,
        image: Image,
        engine: EngineName,
        actor: str,
        origin: Mapping[str, str],
        moment: datetime,
        interval: Interval | None = None,
        read_connection: ReadConnection = no_connection,
        awaited: Awaited = lambda _conf, moment: moment,
    ) -> StageResult:
        """Start a run: validate its conf, resolve what moves, freeze the spec.

        A run that is pinned already keeps its spec.

        Args:
            conf: What the user wrote.
            run_id: The run's id.
            try_number: Counts from 1.
            image: What its stages run in.
            engine: Which engine will run them.
            actor: Who asked for it.
            origin: Where it came from, for the record (DAG, Airflow run).
            moment: The run's own time, the same for every try.
            interval: The schedule's, from and to; None for a run without one.
            read_connection: Reads the connection that private code is behind.
            awaited: Called before anything is resolved, with the conf and the run's own time; returns the time as of
                which data is read, or raises as long as something is missing.

        Raises:
            RequestError: The conf cannot be run; the run is recorded as failed.
            PlatformFault: Something of the platform did not answer.
        """
        started_at, warnings = now(), list[str]()
        self.catalog.start_run(run_id, experiment_of(conf), actor=actor, origin=origin, engine=engine)
        try:
            if self.store.exists(layout.spec(run_id)):
                spec = self.spec(run_id)
            else:
                moment, interval = self._wait(conf, moment, interval, read_connection, awaited)
                spec = pin_request(
                    conf, settings=self._settings, store=self.store, image=image, engine=engine, moment=moment,
                    interval=interval, warn=warnings.append, read_connection=read_connection,
                )  # fmt: skip
                self.store.publish(layout.spec(run_id), spec)
        except VerbatimError as error:
            self._close(self._result(run_id, "pin", try_number, started_at, error=error))
            raise
        resumed_from = spec.resume_from.run_id if spec.resume_from else None
        self.catalog.update_run(run_id, spec_digest=spec.content_digest(), resumed_from=resumed_from)
        outputs = PinOutputs(spec_digest=spec.content_digest())
        result = self._result(run_id, "pin", try_number, started_at, outputs=outputs)
        return self._close(result.model_copy(update={"warnings": tuple(map(printable, warnings))}))

    def _wait(
        self,
        conf: Mapping[str, Any],
        moment: datetime,
        interval: Interval | None,
        read: ReadConnection,
        awaited: Awaited,
    ) -> tuple[datetime, Interval | None]:
        """Wait for what a conf waits for, after it was checked; return what the run's time and interval are then."""
        if conf.get("wait_for"):
            check_request(
                conf, settings=self._settings, store=self.store, moment=moment, interval=interval, read_connection=read
            )
        ended = awaited(conf, moment)
        if ended != moment and not conf.get("as_of"):
            interval = interval or (moment, moment)  # a template names after waiting what it named before
        return ended, interval

    def spec(self, run_id: str) -> RunSpec:
        """Return a run's spec.

        Raises:
            NotFound: The run was never pinned.
        """
        return self.store.read(layout.spec(run_id), RunSpec)

    def stage_request(
        self,
        run_id: str,
        stage: StageName,
        try_number: int,
        *,
        engine: EngineName,
        store_url: str,
        cache_dir: str,
    ) -> StageRequest:
        """Write down what a try of a stage is asked; asked again for the same try, the first answer stands.

        Args:
            run_id: The run.
            stage: One of the runner's stages.
            try_number: Counts from 1.
            engine: What it will run in.
            store_url: The store as the stage sees it.
            cache_dir: The cache as the stage sees it.
        """
        key = layout.stage_request(run_id, stage, try_number)
        if self.store.exists(key):
            return self.store.read(key, StageRequest)
        spec = self.spec(run_id)
        results = latest_results(self.store, run_id)
        version = self.catalog.allot_version(spec.model.name, run_id) if stage == "register" and spec.model else None
        request = StageRequest(
            run_id=run_id,
            stage=stage,
            try_number=try_number,
            spec=spec,
            inputs={name: results[name] for name in _NEEDS[stage] if name in results},
            store_url=store_url,
            engine=engine,
            cache_dir=cache_dir,
            model_version=version,
            limits=self._settings.cache.limits,
        )
        self.store.publish(key, request)
        self.catalog.go_on(run_id, stage, after=_before(stage))
        return request

    def not_needed(self, request: StageRequest) -> StageResult | None:
        """Return the booked result of a stage that has nothing to do, or None when it has to run."""
        outputs = _outputs_of_nothing(request)
        if outputs is None:
            return None
        result = self._result(request.run_id, request.stage, request.try_number, now(), outputs=outputs)
        self.store.publish(layout.stage_result(request.run_id, request.stage, request.try_number), result)
        self.finish(result)
        return result

    def result_of(self, request: StageRequest) -> StageResult:
        """Return what a try of a stage answered.

        Raises:
            ContractError: It answered nothing, or something that cannot be read or is not its own.
        """
        key = layout.stage_result(request.run_id, request.stage, request.try_number)
        try:
            result = self.store.read(key, StageResult)
        except NotFound:
            raise ContractError(f"the {request.stage} stage ended without a result") from None
        if (result.run_id, result.stage, result.try_number) != (request.run_id, request.stage, request.try_number):
            raise ContractError(f"{key} holds the result of another stage")
        if result.state == "succeeded" and (result.outputs is None or result.outputs.stage != result.stage):
            raise ContractError(f"{key} says that the {request.stage} stage succeeded, but not what it made")
        return result

    def system_packages_of(self, request: StageRequest) -> tuple[str, ...]:
        """Return the system packages that a try of a stage asked for when it ended with ``NEEDS_PACKAGES``.

        Raises:
            ContractError: It asked for none.
        """
        try:
            key = layout.system_packages(request.run_id, request.stage, request.try_number)
            return self.store.read(key, SystemPackages).names
        except NotFound:
            raise ContractError(f"the {request.stage} stage lacks system packages, but does not say which") from None

    def finish(self, result: StageResult) -> None:
        """Keep the books after a stage: its run's status, audit, model version, manifest."""
        self._books.enter(result)

    def fail(self, request: StageRequest, error: VerbatimError) -> StageResult:
        """Book a try as failed that gave no result of its own, or one that says success though it was stopped."""
        result = self._result(request.run_id, request.stage, request.try_number, now(), error=error)
        key = layout.stage_result(request.run_id, request.stage, request.try_number)
        if not self.store.exists(key):
            self.store.publish(key, result)
        elif self._says_success(key):
            key = layout.overruling(request.run_id, request.stage, request.try_number)
            self.store.overwrite(key, result.canonical())
        self.finish(result)
        return result

    def _says_success(self, key: str) -> bool:
        """Return whether a result that must not count would count: it says success, or cannot be read."""
        try:
            return self.store.read(key, StageResult).state == "succeeded"
        except ContractError:
            return True

    def promote(self, run_id: str, try_number: int, actor: str) -> StageResult:
        """Do what the spec says about promotion, and close the run as succeeded.

        Args:
            run_id: A run whose model, if it makes one, is registered.
            try_number: Counts from 1.
            actor: In whose name.
        """
        if self.catalog.run(run_id).status == "rejected":
            raise UserFault("the run missed its gates: its model is rejected and can never be promoted")
        started_at = now()
        try:
            registered = latest_results(self.store, run_id).get("register")
            outputs = registered.outputs if registered else None
            if not isinstance(outputs, RegisterOutputs):
                raise ContractError("nothing was registered, so nothing can be promoted")
            made = self._promote(self.spec(run_id), outputs, actor)
        except VerbatimError as error:
            self._close(self._result(run_id, "promote", try_number, started_at, error=error))
            raise
        return self._close(self._result(run_id, "promote", try_number, started_at, outputs=made))

    def _promote(self, spec: RunSpec, registered: RegisterOutputs, actor: str) -> PromoteOutputs:
        name, version = registered.name, registered.version
        if name is None or version is None:
            return PromoteOutputs(reason="the run makes no model")
        if spec.promotion == "auto":
            self.catalog.set_alias(name, CHAMPION, version, actor=actor, reason="promotion: auto, and all gates passed")
            return PromoteOutputs(alias=CHAMPION, reason="all gates passed")
        if spec.promotion == "manual":
            return PromoteOutputs(reason=f"awaits a person: verbatim promote {name} {version}")
        return PromoteOutputs(reason="the conf asks for no promotion")

    def _result(
        self,
        run_id: str,
        stage: StageName,
        try_number: int,
        started_at: datetime,
        *,
        outputs: Outputs | None = None,
        error: VerbatimError | None = None,
    ) -> StageResult:
        return StageResult(
            run_id=run_id,
            stage=stage,
            try_number=try_number,
            state="failed" if error else "succeeded",
            started_at=started_at,
            finished_at=now(),
            engine="worker",
            error=StageError.of(error) if error else None,
            outputs=outputs,
        )

    def _close(self, result: StageResult) -> StageResult:
        """Publish a result that the worker itself made, and book it."""
        self.store.publish(layout.stage_result(result.run_id, result.stage, result.try_number), result)
        self.finish(result)
        return result


def _before(stage: StageName) -> set[StageName]:
    """Return the stages that have succeeded when this one is asked, and itself."""
    return {stage, "pin"}.union(*(_before(needed) for needed in _NEEDS[stage]))


def _outputs_of_nothing(request: StageRequest) -> Outputs | None:
    spec = request.spec
    if request.stage == "extract" and not spec.data:
        return ExtractOutputs(snapshots={})
    if request.stage == "validate" and not spec.validation:
        return ValidateOutputs(results={})
    if request.stage == "evaluate" and not spec.gates and not spec.evaluation.command:
        train = request.inputs.get("train")
        metrics = train.outputs.metrics if train and isinstance(train.outputs, TrainOutputs) else {}
        return EvaluateOutputs(metrics={name: summary.last for name, summary in metrics.items()}, gates=(), passed=True)
    if request.stage == "register" and spec.model is None:
        return RegisterOutputs(name=None, version=None)
    return None
