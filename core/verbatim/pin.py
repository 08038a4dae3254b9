"""Pinning: from a conf to a run spec, with every moving thing resolved to a fixed one.

Nothing of the user's runs here: a directory or repository that a conf names is read (``verbatim.tree``,
``verbatim.work_tree``) and asked about (``verbatim.git``, which says what that relies on), never run.
"""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from verbatim import __version__, git, work_tree
from verbatim.checkpoints import pin_checkpoints
from verbatim.errors import PlatformFault, RequestError, UserFault
from verbatim.paths import SCHEME, exists, local_path
from verbatim.problems import Problem
from verbatim.request import CodeRequest, FileSource, RunRequest, S3Source, parse_request
from verbatim.spec import Image, PinnedChannel, PinnedCheckpoints, PinnedCode, PinnedModel, RunSpec
from verbatim.tree import list_tree, pack_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verbatim.settings import PlatformSettings
    from verbatim.stage import EngineName
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
) -> RunSpec:
    """Pin a conf.

    Args:
        conf: What the user wrote.
        settings: Which connections and directories a conf may name.
        store: Where a directory's code goes.
        image: What the stages will run in.
        engine: Where they will run: containers hold no ssh key.
        moment: The run's own time: data is read as of it unless the conf says otherwise.

    Raises:
        RequestError: With every problem found.
    """
    request = parse_request(conf)
    problems = [
        *_data_problems(request, settings),
        *_destination_problems(request, settings),
        *_store_problems(request, store),
    ]
    if request.as_of and request.as_of > moment + CLOCK_SKEW:
        problems.append(Problem(field="as_of", expected="a moment that is not in the future", got=str(request.as_of)))
    code = _pinned(lambda: _pin_code(request.code, settings, store, engine), problems)
    resume_from = request.resume_from
    checkpoints = _pinned(lambda: pin_checkpoints(resume_from, store), problems) if resume_from else None
    if problems or code is None:
        raise RequestError(problems)
    as_of = request.as_of or moment
    model = request.model
    return RunSpec(
        experiment=request.experiment_name,
        code=code,
        command=request.command,
        entry_point=request.entry_point,
        parameters=request.parameters,
        data={name: PinnedChannel(source=channel.source, as_of=as_of) for name, channel in request.data.items()},
        as_of=as_of,
        validation=request.validation,
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


def local_paths(spec: RunSpec) -> tuple[Path, ...]:
    """Return the directories and files of the platform's machine that a run reads; an engine makes them visible."""
    named = [channel.source.uri for channel in spec.data.values() if isinstance(channel.source, FileSource)]
    if spec.code.kind == "git" and spec.code.url.startswith(SCHEME):
        named.append(spec.code.url)
    return tuple(sorted({local_path(uri) for uri in named}))


def local_destination(spec: RunSpec) -> Path | None:
    """Return the directory of the platform's machine that a run's model is also put in, if one is named."""
    destination = spec.model.destination if spec.model else None
    return local_path(destination) if destination and destination.startswith(SCHEME) else None


def _pinned(pin: Callable[[], P], problems: list[Problem]) -> P | None:
    try:
        return pin()
    except RequestError as error:
        problems += error.problems
    except UserFault as error:
        problems.append(Problem(field=error.field or "code.url", expected="code that can be read", got=error.message))
    return None


def _ssh_problem(code: CodeRequest, engine: EngineName) -> Problem | None:
    if engine != "docker" or not git.is_ssh_url(code.url):
        return None
    hint = "Containers hold no ssh key; a clone on the platform's machine is read through file://."
    expected = "an https:// or file:// URL, or a directory"
    return Problem(field="code.url", expected=expected, got=git.without_credentials(code.url), hint=hint)


def _pin_code(code: CodeRequest, settings: PlatformSettings, store: Store, engine: EngineName) -> PinnedCode:
    _demand([_ssh_problem(code, engine)])
    if code.url.startswith(SCHEME):
        _demand([_unreadable("code.url", local_path(code.url), settings.files.read, "files.read")])
    if not git.is_git_url(code.url):
        return _pin_directory(code, settings, store)
    shown = git.without_credentials(code.url)
    try:
        commit = git.resolve(code.url, code.ref)
    except UserFault as error:
        field, expected = "code.url", "a repository that can be read"
        if "no branch or tag" in error.message:
            field, expected = "code.ref", "a branch, tag or full SHA"
        raise RequestError([Problem(field=field, expected=expected, got=f"{shown}: {error.message}")]) from None
    except PlatformFault as error:
        if "did not end" not in error.message:
            raise
        raise RequestError(
            [
                Problem(
                    field="code.url",
                    expected="a repository that answers",
                    got=f"{shown}: no answer within {git.TIMEOUT_S} s",
                )
            ]
        ) from None
    return PinnedCode(kind="git", url=code.url, ref=code.ref, commit=commit, subdirectory=code.subdirectory)


def _pin_directory(code: CodeRequest, settings: PlatformSettings, store: Store) -> PinnedCode:
    if not code.url.startswith((SCHEME, "/")):
        schemes = "https://, ssh:// or file:// (a git repository), or the absolute path of a directory"
        raise RequestError([Problem(field="code.url", expected=schemes, got=repr(code.url))])
    root = local_path(code.url)
    _demand([
        _unreadable("code.url", root, settings.files.read, "files.read"),
        None if exists(root) and root.is_dir() else Problem(
            field="code.url", expected="a directory or git repository that exists and can be reached", got=str(root)
        ),
        None if exists(root / code.subdirectory) and (root / code.subdirectory).is_dir() else Problem(
            field="code.subdirectory", expected=f"a directory in {root}", got=code.subdirectory
        ),
        Problem(
            field="code.ref", expected="no ref, since the code is a plain directory", got=repr(code.ref),
            hint="Write file:// before the path to take a commit of the git repository there.",
        ) if code.ref else None,
    ])  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="verbatim-pin-") as scratch:
        archive = Path(scratch) / "code.tar"
        pack_tree(root, list_tree(root), archive)
        digest = store.put_file(archive).sha256
        commit, dirty = work_tree.standing(root, archive)
    return PinnedCode(
        kind="directory", url=str(root), commit=commit, dirty=dirty, subdirectory=code.subdirectory, digest=digest
    )


def _demand(problems: Sequence[Problem | None]) -> None:
    for problem in problems:
        if problem:
            raise RequestError([problem])


def _data_problems(request: RunRequest, settings: PlatformSettings) -> list[Problem]:
    found = []
    for name, channel in request.data.items():
        source = channel.source
        if isinstance(source, S3Source):
            found.append(
                _unknown_connection(f"data.{name}.s3.connection", source.connection, settings.connections.data)
            )
        else:
            field, path = f"data.{name}.file.uri", local_path(source.uri)
            problem = _unreadable(field, path, settings.files.read, "files.read")
            if problem is None and not exists(path):
                problem = Problem(
                    field=field, expected="a file or directory that exists and can be reached", got=str(path)
                )
            found.append(problem)
    return [problem for problem in found if problem]


def _destination_problems(request: RunRequest, settings: PlatformSettings) -> list[Problem]:
    destination = request.model.destination if request.model else None
    if not request.model or not destination:
        return []
    if destination.startswith("s3://"):
        problem = _unknown_connection(
            "model.connection", request.model.connection or "", settings.connections.destinations
        )
    else:
        problem = _unreadable("model.destination", local_path(destination), settings.files.write, "files.write")
    return [problem] if problem else []


def _store_problems(request: RunRequest, store: Store) -> list[Problem]:
    """Find what lies in or around the platform's own store, which no conf may read or write by itself.

    Code may lie around it: what is packed leaves the platform's home out.
    """
    own = _as_prefix(os.path.realpath(store.local_root) if store.local_root else store.url)
    named = {f"data.{name}": channel.source.uri for name, channel in request.data.items()}
    if request.model and request.model.destination:
        named["model.destination"] = request.model.destination
    shared = {
        field: uri for field, uri in named.items() if _as_prefix(uri).startswith(own) or own.startswith(_as_prefix(uri))
    }
    if _as_prefix(request.code.url).startswith(own):
        shared["code.url"] = request.code.url
    return [
        Problem(field=field, expected="a place that shares nothing with the platform's own store", got=uri)
        for field, uri in shared.items()
    ]


def _as_prefix(place: str) -> str:
    """Return a URL or path so that one lies in another if it begins with it; links are followed."""
    plain = os.path.realpath(local_path(place)) if place.startswith((SCHEME, "/")) else place
    return f"{plain.rstrip('/')}/"


def _unknown_connection(field: str, name: str, allowed: Sequence[str]) -> Problem | None:
    if name in allowed:
        return None
    kind = "connections.data" if field.startswith("data.") else "connections.destinations"
    known = ", ".join(allowed) or "none"
    hint = f"An administrator allows one under {kind} in config/platform.yaml."
    return Problem(field=field, expected=f"a connection that is allowed ({known})", got=repr(name), hint=hint)


def _unreadable(field: str, path: Path, allowed: Sequence[str], setting: str) -> Problem | None:
    real = Path(os.path.realpath(path))  # Path.resolve raises at links in a circle
    if "*" in allowed or any(real.is_relative_to(os.path.realpath(root)) for root in allowed):
        return None
    known = ", ".join(allowed) or "none"
    hint = f"An administrator allows one under {setting} in config/platform.yaml."
    return Problem(
        field=field, expected=f"a path inside a directory that is allowed ({known})", got=str(path), hint=hint
    )
