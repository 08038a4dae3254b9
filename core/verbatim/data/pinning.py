"""Pinning what a conf says of its data: places filled in, queries bound, suites kept; all that may be named is allowed.

No source is asked here: what it holds as of the moment, extracting finds out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import ValidationError

from verbatim.channels import FileSource, HiveSource, S3Source, SqlSource
from verbatim.connections import DATA_KINDS
from verbatim.data.query import bind_query
from verbatim.data.templates import fill_text
from verbatim.errors import RequestError
from verbatim.paths import exists, local_path
from verbatim.permission import is_inside, unknown_connection, unreadable
from verbatim.problems import Problem, problems_of, shown
from verbatim.spec import BoundQuery, Export, PinnedChannel, PinnedSuite

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim.channels import ChannelRequest, SuiteRequest
    from verbatim.connections import ReadConnection
    from verbatim.data.sql.scan import Dialect
    from verbatim.data.templates import Values
    from verbatim.settings import PlatformSettings
    from verbatim.store import Store

MAX_SUITE_BYTES = 4 * 1024 * 1024
P = TypeVar("P", FileSource, S3Source)


@dataclass(frozen=True)
class DataPinning:
    """What data is pinned with.

    Attributes:
        values: What templates stand for.
        settings: Which connections and directories a conf may name.
        store: Where the platform's own suites are kept as they are now.
        read_connection: Reads a database's connection, whose type says how its queries are written.
        warn: Called with what the user should know although the run goes on.
    """

    values: Values
    settings: PlatformSettings
    store: Store
    read_connection: ReadConnection
    warn: Callable[[str], None]

    def channel(self, name: str, asked: ChannelRequest) -> PinnedChannel:
        """Return a channel as of the run's moment.

        Raises:
            RequestError: A place, connection or query must not be, or cannot be read; with every problem found.
            PlatformFault: A connection that is allowed is not there.
        """
        source, field = asked.source, f"data.{name}"
        pinned = PinnedChannel(source=source, as_of=self.values.as_of, sample=asked.sample)
        match source:
            case FileSource():
                return pinned.model_copy(update={"source": self._file(source, f"{field}.file")})
            case S3Source():
                return pinned.model_copy(update={"source": self._s3(source, f"{field}.s3")})
            case HiveSource():
                query, export = self._hive(source, name)
                return pinned.model_copy(update={"query": query, "export": export})
            case SqlSource():
                query, file = self._sql(source, name)
                return pinned.model_copy(update={"query": query, "database_file": file})

    def suite(self, channel: str, asked: SuiteRequest) -> PinnedSuite:
        """Return a suite; the platform's own ones as they are now, since they are in no commit of the code.

        Raises:
            RequestError: It is not there, outside of the directory, or no JSON object.
        """
        pinned = PinnedSuite(suite=asked.suite, location=asked.location, severity=asked.severity)
        if asked.location == "code":
            return pinned
        root, field = Path(self.settings.expectations), f"validation.{channel}.suite"
        path = root / asked.suite
        if not is_inside(path, (str(root),)) or not path.is_file():
            there = sorted(str(file.relative_to(root)) for file in root.rglob("*.json"))[:20]
            expected = f"a suite of the platform ({', '.join(there) or 'there is none'})"
            raise RequestError([Problem(field=field, expected=expected, got=shown(asked.suite))])
        content = _suite_content(path, field, asked.suite)
        return pinned.model_copy(update={"content": self.store.put_bytes(content, asked.suite).sha256})

    def _file(self, source: FileSource, field: str) -> FileSource:
        filled = _filled(source, self.values, f"{field}.uri")
        path = local_path(filled.uri)
        problem = unreadable(f"{field}.uri", path, self.settings.files.read, "files.read")
        if problem is None and not exists(path):
            expected = "a file or directory that exists and can be reached"
            problem = Problem(field=f"{field}.uri", expected=expected, got=str(path))
        _raise(problem)
        return filled

    def _s3(self, source: S3Source, field: str) -> S3Source:
        problem = self._not_allowed(source.connection, field)
        try:
            filled = _filled(source, self.values, f"{field}.uri")
        except RequestError as error:
            raise RequestError([*([problem] if problem else []), *error.problems]) from None
        _raise(problem)
        return filled

    def _hive(self, source: HiveSource, channel: str) -> tuple[BoundQuery, Export | None]:
        field, exports = f"data.{channel}.hive", self.settings.exports
        problems = [self._not_allowed(source.connection, field)]
        if source.mode == "server" and exports is None:
            expected = "'client', since the platform has no place where servers write results"
            hint = "An administrator names one under exports in config/platform.yaml."
            problems.append(Problem(field=f"{field}.mode", expected=expected, got="'server'", hint=hint))
        try:
            query = self._bound(source.query, "hive", channel, f"{field}.query")
        except RequestError as error:
            raise RequestError([*filter(None, problems), *error.problems]) from None
        _raise(*problems)
        export = Export(uri=exports.uri, connection=exports.connection) if exports and source.mode == "server" else None
        return query, export

    def _sql(self, source: SqlSource, channel: str) -> tuple[BoundQuery, str | None]:
        field = f"data.{channel}.sql"
        _raise(self._not_allowed(source.connection, field))
        connection = self.read_connection(source.connection)
        if connection.kind not in DATA_KINDS["sql"]:
            expected = f"a connection of a type that can be read ({', '.join(DATA_KINDS['sql'])})"
            raise RequestError([Problem(field=f"{field}.connection", expected=expected, got=repr(connection.kind))])
        dialect = cast("Dialect", connection.kind)  # the databases' dialects are named as their connections' types
        query = self._bound(source.query, dialect, channel, f"{field}.query")
        if dialect != "sqlite":
            return query, None
        file = Path(connection.host or "")
        _raise(unreadable(f"{field}.connection", file, self.settings.files.read, "files.read"))
        if not file.is_absolute() or not exists(file):
            expected = "a connection whose host is the absolute path of a database file"
            raise RequestError([Problem(field=f"{field}.connection", expected=expected, got=str(file))])
        return query, str(file)

    def _bound(self, text: str, dialect: Dialect, channel: str, field: str) -> BoundQuery:
        query = bind_query(text, self.values, dialect=dialect, field=field)
        if query.tables and not query.time_bound:
            self.warn(
                f"the query of data.{channel} never says up to which moment rows count, such as by WHERE ts < "
                "{{ as_of }}: run again, it may give other rows. The snapshot is marked as not bound in time"
            )
        return query

    def _not_allowed(self, connection: str, field: str) -> Problem | None:
        return unknown_connection(f"{field}.connection", connection, self.settings.connections.data, "connections.data")


def _filled(source: P, values: Values, field: str) -> P:
    """Return a place with its templates filled in, which has to be a place of the same kind."""
    uri = fill_text(source.uri, values, field=field)
    try:
        return type(source).model_validate(source.model_dump() | {"uri": uri})
    except ValidationError as error:
        found = problems_of(error, type(source))
        raise RequestError([problem.model_copy(update={"field": field}) for problem in found]) from None


def _suite_content(path: Path, field: str, name: str) -> bytes:
    try:
        content = path.read_bytes()
        fits = len(content) <= MAX_SUITE_BYTES and isinstance(json.loads(content), dict)
    except (OSError, ValueError, RecursionError):
        fits = False
    if not fits:
        raise RequestError([Problem(field=field, expected="a file that holds a JSON object", got=shown(name))])
    return content


def _raise(*problems: Problem | None) -> None:
    found = [problem for problem in problems if problem]
    if found:
        raise RequestError(found)
