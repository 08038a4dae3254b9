"""Pinning: from a conf to a run spec, with every moving thing resolved to a fixed one.

Nothing of the user's runs here: code is read and asked about (``verbatim.code``), never run.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from verbatim import __version__
from verbatim.channels import FileSource, S3Source
from verbatim.checkpoints import pin_checkpoints
from verbatim.code import pin_code
from verbatim.code.pinning import Pinning
from verbatim.connections import no_connection
from verbatim.data.pinning import DataPinning
from verbatim.data.templates import values_of
from verbatim.data.waiting import fill_waits
from verbatim.errors import PlatformFault, RequestError, UserFault
from verbatim.paths import SCHEME, local_path
from verbatim.permission import unknown_connection, unreadable
from verbatim.problems import Problem
from verbatim.request import RunRequest, parse_request
from verbatim.spec import Image, PinnedChannel, PinnedCheckpoints, PinnedCode, PinnedModel, PinnedSuite, RunSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from verbatim.connections import ReadConnection
    from verbatim.data.templates import Values
    from verbatim.settings import PlatformSettings
    from verbatim.stage import EngineName, StageName
    from verbatim.store import Store

CLOCK_SKEW = timedelta(minutes=1)
P = TypeVar("P", PinnedCode, PinnedCheckpoints)


def pin_request(
    conf: Mapping[str, Any],
    *,
    settings: PlatformSettings,
    store: Store,
    image: Image,
    engine: EngineName,
    moment: datetime,
    warn: Callable[[str], None],
    interval: tuple[datetime, datetime] | None = None,
    read_connection: ReadConnection = no_connection,
) -> RunSpec:
    """Pin a conf.

    Args:
        conf: What the user wrote.
        settings: Which connections and directories a conf may name.
        store: Where a directory's code goes.
        image: What the stages will run in.
        engine: Where they will run: containers hold no ssh key of their own.
        moment: The run's own time: data is read as of it unless the conf says otherwise.
        warn: Called with what the user should know although the run goes on.
        interval: The schedule's, from and to; as_of for both ends where the run has none.
        read_connection: Reads the connection that private code is behind.

    Raises:
        RequestError: With every problem found.
    """
    request = parse_request(conf)
    values = values_of(request, moment=moment, interval=interval)
    problems = list[Problem]()
    data, validation = _pinned_data(request, DataPinning(values, settings, store, read_connection, warn), problems)
    problems += _plain_problems(request, data, values, settings=settings, store=store, moment=moment)
    pinning = Pinning(request.code, settings, store, engine, read_connection, warn)
    code = _pinned(lambda: pin_code(pinning), problems)
    resume_from = request.resume_from
    checkpoints = _pinned(lambda: pin_checkpoints(resume_from, store), problems) if resume_from else None
    if problems or code is None:
        raise RequestError(problems)
    model = request.model
    return RunSpec(
        experiment=request.experiment_name,
        code=code,
        command=request.command,
        entry_point=request.entry_point,
        parameters=request.parameters,
        data=data,
        as_of=values.as_of,
        interval_start=values.interval_start,
        interval_end=values.interval_end,
        validation=validation,
        metrics=request.metrics,
        evaluation=request.evaluation,
        gates=request.gates,
        model=model and PinnedModel(
            name=model.name or request.experiment_name, path=model.path, destination=model.destination,
            connection=model.connection,
        ),
        promotion=request.promotion,
        resources=request.resources,
        environment=request.environment,
        resume_from=checkpoints,
        seed=request.seed,
        retention=request.retention,
        image=image,
        platform_version=__version__,
    )  # fmt: skip


def check_request(
    conf: Mapping[str, Any],
    *,
    settings: PlatformSettings,
    store: Store,
    moment: datetime,
    interval: tuple[datetime, datetime] | None,
    read_connection: ReadConnection,
) -> None:
    """Find what is wrong with a conf while what it waits for is not there yet: all but its code and its files.

    Args:
        conf: As of ``pin_request``, like the others.
        settings: Which connections and directories a conf may name.
        store: Where the platform's own suites are kept.
        moment: The run's own time.
        interval: The schedule's.
        read_connection: Reads a database's connection.

    Raises:
        RequestError: With every problem found.
    """
    request = parse_request(conf)
    there = {name: channel for name, channel in request.data.items() if not isinstance(channel.source, FileSource)}
    values, problems = values_of(request, moment=moment, interval=interval), list[Problem]()
    pinning = DataPinning(values, settings, store, read_connection, lambda _warning: None)
    data, _ = _pinned_data(request.model_copy(update={"data": there}), pinning, problems)
    problems += _plain_problems(request, data, values, settings=settings, store=store, moment=moment)
    if problems:
        raise RequestError(problems)


def local_paths(spec: RunSpec) -> tuple[Path, ...]:
    """Return the directories and files of the platform's machine that a run reads; an engine makes them visible."""
    named = [channel.source.uri for channel in spec.data.values() if isinstance(channel.source, FileSource)]
    named += [channel.database_file for channel in spec.data.values() if channel.database_file]
    if spec.code.kind == "git" and spec.code.url.startswith(SCHEME):
        named += [spec.code.url, *spec.code.local_submodules]
    return tuple(sorted({local_path(uri) for uri in named}))


def local_outputs(spec: RunSpec, stage: StageName) -> tuple[Path, ...]:
    """Return the directories of the platform's machine that a stage writes: destination and exports."""
    named = []
    if stage == "register" and spec.model and spec.model.destination:
        named = [spec.model.destination]
    if stage == "extract":
        named = [channel.export.uri for channel in spec.data.values() if channel.export]
    return tuple(sorted({local_path(uri) for uri in named if uri.startswith(SCHEME)}))


def _pinned(pin: Callable[[], P], problems: list[Problem]) -> P | None:
    try:
        return pin()
    except RequestError as error:
        problems += error.problems
    except UserFault as error:
        problems.append(Problem(field=error.field or "code.url", expected="code that can be read", got=error.message))
    except OSError as error:  # of this machine: a full disk, above all
        raise PlatformFault(f"the code could not be kept: {error.strerror or error}") from None
    return None


def _pinned_data(
    request: RunRequest, pinning: DataPinning, problems: list[Problem]
) -> tuple[dict[str, PinnedChannel], dict[str, PinnedSuite]]:
    """Return what of the data can be pinned; what cannot adds its problems."""
    data, validation = dict[str, PinnedChannel](), dict[str, PinnedSuite]()
    for name, channel in request.data.items():
        try:
            data[name] = pinning.channel(name, channel)
        except RequestError as error:
            problems += error.problems
    for name, suite in request.validation.items():
        try:
            validation[name] = pinning.suite(name, suite)
        except RequestError as error:
            problems += error.problems
    return data, validation


def _plain_problems(
    request: RunRequest,
    data: Mapping[str, PinnedChannel],
    values: Values,
    *,
    settings: PlatformSettings,
    store: Store,
    moment: datetime,
) -> list[Problem]:
    """Find what is wrong in what needs nothing fetched."""
    found = [
        *_destination_problems(request, settings),
        *_index_problems(request, settings),
        *_own_problems(request, data, settings, store),
    ]
    if request.as_of and request.as_of > moment + CLOCK_SKEW:
        found.append(Problem(field="as_of", expected="a moment that is not in the future", got=str(request.as_of)))
    try:
        fill_waits(request, settings, values)
    except RequestError as error:
        found += error.problems
    return found


def _destination_problems(request: RunRequest, settings: PlatformSettings) -> list[Problem]:
    destination = request.model.destination if request.model else None
    if not request.model or not destination:
        return []
    if destination.startswith("s3://"):
        name, allowed = request.model.connection or "", settings.connections.destinations
        problem = unknown_connection("model.connection", name, allowed, "connections.destinations")
    else:
        problem = unreadable("model.destination", local_path(destination), settings.files.write, "files.write")
    return [problem] if problem else []


def _index_problems(request: RunRequest, settings: PlatformSettings) -> list[Problem]:
    allowed = settings.connections.indexes
    found = [
        unknown_connection(f"environment.indexes.{place}.connection", index.connection, allowed, "connections.indexes")
        for place, index in enumerate(request.environment.indexes)
        if index.connection
    ]
    return [problem for problem in found if problem]


def _own_problems(
    request: RunRequest, data: Mapping[str, PinnedChannel], settings: PlatformSettings, store: Store
) -> list[Problem]:
    """Find what lies in or around the platform's own places, which no conf may read or write by itself.

    Those are its store, and where servers write what other runs have asked for. Code may lie around the store: what is
    packed leaves the platform's home out.
    """
    own = {"store": str(store.local_root or store.url)}
    own |= {"exports": settings.exports.uri} if settings.exports else {}
    sources = {f"data.{name}": data.get(name, asked).source for name, asked in request.data.items()}
    named = {field: source.uri for field, source in sources.items() if isinstance(source, FileSource | S3Source)}
    named |= {f"data.{name}": channel.database_file for name, channel in data.items() if channel.database_file}
    if request.model and request.model.destination:
        named["model.destination"] = request.model.destination
    found = list[Problem]()
    for what, place in own.items():
        expected, prefix = f"a place that shares nothing with the platform's own {what}", _as_prefix(place)
        shared = {
            field: uri
            for field, uri in named.items()
            if _as_prefix(uri).startswith(prefix) or prefix.startswith(_as_prefix(uri))
        }
        if _as_prefix(request.code.url).startswith(prefix):
            shared["code.url"] = request.code.url
        found += [Problem(field=field, expected=expected, got=uri) for field, uri in shared.items()]
    return found


def _as_prefix(place: str) -> str:
    """Return a URL or path so that one lies in another if it begins with it.

    Links are followed. Of a URL of S3 nothing is left that a client drops or decodes.
    """
    if place.startswith((SCHEME, "/")):
        return f"{os.path.realpath(local_path(place)).rstrip('/')}/"
    try:
        parts = urlsplit(place)
    except ValueError:  # no client reads it as a URL
        return place
    if parts.scheme == "s3":
        segments = [segment for segment in unquote(parts.path).split("/") if segment not in {"", "."}]
        return "/".join(["s3:/", parts.netloc, *segments, ""])
    return f"{place.rstrip('/')}/"
