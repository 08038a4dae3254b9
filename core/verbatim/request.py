"""The run request: what a user writes. Small, with defaults, strict.

These models are the one definition of the conf; the JSON Schema, the reference in docs/conf.md and the trigger form are
generated from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from verbatim.channels import ChannelRequest, SuiteRequest, WaitRequest
from verbatim.documents import Document, Moment, Pattern
from verbatim.errors import RequestError
from verbatim.fields import Destination, Name, Parameter, RelativePath
from verbatim.paths import SCHEME, local_path
from verbatim.problems import Problem, printable, problems_of, shown
from verbatim.quantities import parse_duration, parse_memory

MIN_MEMORY_BYTES = 32 * 1024**2
MAX_URL_CHARS = 4096
MAX_DEPTH = 64
MAX_NUMBER_BITS = 997
_LIKE_A_CREDENTIAL = re.compile(r"token|signature|secret|password|credential|^(sig|auth|api_?key)$", re.IGNORECASE)
_FILE_KINDS = re.compile(r"\.(git|zip|tar|tar\.(gz|bz2|xz)|t(gz|bz2|xz)|ipynb|py|sh|r)$", re.IGNORECASE)


class CodeRequest(Document):
    """Where the training code is."""

    url: str = Field(
        min_length=1,
        description="a git URL (https, ssh, file), an archive (.zip, .tar, .tar.gz; a path, https:// or s3://), "
        "a directory, a notebook or a script",
    )
    ref: str | None = Field(
        None, description="branch, tag or commit, also a short one; the remote's default branch if not given"
    )
    subdirectory: RelativePath = Field(".", description="the project's directory in the code")
    connection: str | None = Field(
        None, min_length=1, description="Airflow connection for private code: a login and password or token, an ssh key"
    )

    @field_validator("url", "ref")
    @classmethod
    def _never_an_option(cls, value: str | None) -> str | None:
        if value is not None and (value.startswith("-") or any(ord(char) < 32 for char in value)):
            raise ValueError("text that does not begin with '-' and has no control characters")
        return value

    @field_validator("url")
    @classmethod
    def _means_one_place(cls, value: str) -> str:
        if len(value) > MAX_URL_CHARS:
            raise ValueError(f"a URL or directory of at most {MAX_URL_CHARS} characters")
        if value.startswith((SCHEME, "/")):
            local_path(value)
        return value

    @field_validator("url")
    @classmethod
    def _no_credential(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:
            raise ValueError("a URL whose host can be read") from None
        if parts.scheme in {"http", "https"} and (parts.username or parts.password):
            raise ValueError("a URL without a user or password in it; for private code see docs/code.md")
        named = [name for name, _ in parse_qsl(parts.query) if _LIKE_A_CREDENTIAL.search(name)]
        if parts.scheme in {"http", "https"} and named:
            raise ValueError(f"a URL without a credential ({named[0]}) in it; for private code see docs/code.md")
        return value


class MetricDefinition(Document):
    """A metric read from the output by a regular expression, as SageMaker's MetricDefinitions."""

    name: str = Field(min_length=1, description="what the metric is called")
    regex: str = Field(min_length=1, description="one group, which holds the number")

    @field_validator("regex")
    @classmethod
    def _compiles_with_a_group(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"a regular expression ({error})") from None
        if groups < 1:
            raise ValueError("a regular expression with one (group) around the number")
        return value


class Gate(Document):
    """A condition on the last value of one metric; both bounds are inclusive."""

    metric: str = Field(min_length=1, description="a metric that training or evaluation reports")
    min: float | None = Field(None, allow_inf_nan=False, description="the least value that passes")
    max: float | None = Field(None, allow_inf_nan=False, description="the greatest value that passes")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a 'min', a 'max' or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("'min' not above 'max'")
        return self

    @property
    def condition(self) -> str:
        """The condition in words, such as ``val_auc >= 0.8``."""
        if self.max is None:
            return f"{self.metric} >= {self.min:g}"
        if self.min is None:
            return f"{self.metric} <= {self.max:g}"
        return f"{self.min:g} <= {self.metric} <= {self.max:g}"


class Evaluation(Document):
    """How the trained model is evaluated besides the metrics that training reports."""

    command: str | list[str] | None = Field(
        None, description="run after training, with the model directory and the data"
    )


class ModelRequest(Document):
    """What the model is called, and where else it goes."""

    name: Name | None = Field(None, description="the experiment's name if not given")
    path: RelativePath | None = Field(
        None,
        min_length=1,
        description="where the training leaves it: a file, a directory or a pattern such as 'runs/*/best.pt', seen "
        "from the project's directory; the model directory, or what looks like a model, if not given",
    )
    destination: Destination | None = Field(None, description="s3:// or file:// prefix; the files are also put there")
    connection: str | None = Field(None, description="Airflow connection that may write an s3:// destination")

    @model_validator(mode="after")
    def _destination_has_its_connection(self) -> Self:
        if (self.destination or "").startswith("s3://") and not self.connection:
            raise ValueError("a 'connection' beside an s3:// destination")
        return self


class Resources(Document):
    """Limits of the containers that run the user's code."""

    cpus: float | None = Field(None, ge=0.01, allow_inf_nan=False, description="all cores if not given")
    memory: str = Field("4g", description="such as '512m' or '4g'")
    gpus: int = Field(0, ge=0, description="how many GPUs")
    timeout: str = Field("24h", description="such as '30m' or '2h'; the training is stopped after it")

    @field_validator("memory", "timeout", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) else value

    @field_validator("memory")
    @classmethod
    def _memory(cls, value: str) -> str:
        if parse_memory(value) < MIN_MEMORY_BYTES:
            raise ValueError("memory of at least 32m, such as '512m' or '4g'")
        return value

    @field_validator("timeout")
    @classmethod
    def _timeout(cls, value: str) -> str:
        parse_duration(value)
        return value

    @property
    def memory_bytes(self) -> int:
        """The memory limit in bytes."""
        return parse_memory(self.memory)

    @property
    def timeout_s(self) -> float:
        """The time limit in seconds."""
        return parse_duration(self.timeout).total_seconds()


IndexUrl = Annotated[
    str, Pattern(r"^https?://[^/@\s]+(/[^@\s]*)?$", "an https:// URL without a user or password in it")
]


class PackageIndex(Document):
    """A package index besides the platform's own."""

    url: IndexUrl = Field(description="of its simple API, such as https://pypi.example.org/simple/")
    connection: str | None = Field(None, min_length=1, description="Airflow connection with its login and password")


class EnvironmentRequest(Document):
    """How the user's dependencies are resolved."""

    as_of: Literal["now", "commit"] | Moment = Field(
        "now",
        description="'now', 'commit' (the date of the code's last commit) or a date: only releases up to it count",
    )
    relax: bool = Field(False, description="keep names and drop pins that no available interpreter can install")
    python: str | None = Field(
        None,
        pattern=r"^3(\.\d+){1,2}$",
        description="the interpreter, such as '3.11'; as the code demands if not given",
    )
    indexes: tuple[PackageIndex, ...] = Field((), description="package indexes besides the platform's own")


class Retention(Document):
    """How long what did not pass is kept."""

    rejected: str = Field("30d", description="a run that failed its gates may be deleted after this")

    @field_validator("rejected")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value


def _code_from_text(value: Any) -> Any:
    if isinstance(value, str):
        return {"url": value}
    if not isinstance(value, Mapping | CodeRequest):
        raise ValueError("a URL or a directory, or an object with 'url', 'ref' and 'subdirectory'")  # noqa: TRY004 - pydantic's
    return value


def _suite_from_text(value: Any) -> Any:
    return {"suite": value} if isinstance(value, str) else value


class RunRequest(Document):
    """The conf of one run."""

    experiment: Name | None = Field(None, description="a named line of work; from the code's name if not given")
    code: Annotated[CodeRequest, BeforeValidator(_code_from_text, json_schema_input_type=str | CodeRequest)] = Field(
        description="a URL or path, or an object with url, ref, subdirectory, connection"
    )
    command: str | list[str] | None = Field(
        None, description="how training starts; detected if not given. Text is run by a shell, a list as it is"
    )
    entry_point: str | None = Field(
        None, min_length=1,
        description="which of the code's own ways to start: an entry point of MLproject, a script, a notebook, "
        "a target of Makefile, one of [project.scripts]",
    )  # fmt: skip
    parameters: dict[str, Parameter] = Field(
        default_factory=dict, description="argv, JSON file and environment of the training"
    )
    data: dict[Name, ChannelRequest] = Field(default_factory=dict, description="channels: named input datasets")
    as_of: Moment | None = Field(None, description="data as of this moment; now if not given")
    wait_for: tuple[WaitRequest, ...] = Field((), description="what has to be there before the run is pinned")
    validation: dict[
        Name, Annotated[SuiteRequest, BeforeValidator(_suite_from_text, json_schema_input_type=str | SuiteRequest)]
    ] = Field(
        default_factory=dict,
        description="channel to Great Expectations suite: a JSON file in the code, or an object with suite, location "
        "and severity",
    )
    metrics: tuple[MetricDefinition, ...] = Field(
        (), description="metrics to read from the output, besides the built-in ways"
    )
    evaluation: Evaluation = Field(Evaluation(), description="how the trained model is evaluated")
    gates: tuple[Gate, ...] = Field((), description="what the metrics must meet for the model to be a candidate")
    model: ModelRequest | None = Field(ModelRequest(), description="null: the run makes no model")
    promotion: Literal["none", "auto", "manual"] = Field(
        "none", description="auto: becomes champion when all gates pass; manual: a person promotes it"
    )
    resources: Resources = Field(Resources(), description="limits of the containers that run the user's code")
    environment: EnvironmentRequest = Field(EnvironmentRequest(), description="how dependencies are resolved")
    resume_from: str | None = Field(None, min_length=1, description="a run whose last checkpoints this one starts from")
    seed: int = Field(42, ge=0, lt=2**32, description="handed to the training, which may use it")
    retention: Retention = Field(Retention(), description="how long what did not pass is kept")

    @field_validator("parameters")
    @classmethod
    def _in_json(cls, value: dict[str, Parameter]) -> dict[str, Parameter]:
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            raise ValueError("values that JSON has, so neither NaN nor an infinite number") from None
        return value

    @field_validator("validation")
    @classmethod
    def _of_channels(cls, value: dict[str, SuiteRequest], info: ValidationInfo) -> dict[str, SuiteRequest]:
        unknown = sorted(set(value) - set(info.data.get("data", value)))
        if unknown:
            raise ValueError(f"only channels that 'data' has (not so: {', '.join(unknown)})")
        return value

    @property
    def experiment_name(self) -> str:
        """The experiment's name, given or taken from the code's."""
        return self.experiment or _name_from(self.code)


def _name_from(code: CodeRequest) -> str:
    path = PurePosixPath(unquote(urlsplit(code.url).path).rstrip("/") or code.url)
    last = PurePosixPath(code.subdirectory).name or _FILE_KINDS.sub("", path.name)
    return re.sub(r"[^a-z0-9_-]+", "-", last.lower()).strip("-_")[:63] or "default"


def parse_request(conf: Mapping[str, Any]) -> RunRequest:
    """Read a conf.

    Args:
        conf: The JSON object; a top-level ``null`` stands for "not given" everywhere but in ``model``.

    Raises:
        RequestError: With every problem, each naming the field, what was expected and what came.
    """
    if not isinstance(conf, Mapping):
        raise RequestError([Problem(field="conf", expected="a JSON object", got=shown(conf))])
    if unfit := list(_unfit(conf, ())):
        raise RequestError(unfit)
    given = {key: value for key, value in conf.items() if value is not None or key == "model"}
    try:
        return RunRequest.model_validate(given)
    except ValidationError as error:
        raise RequestError(problems_of(error, RunRequest)) from None


def _unfit(value: Any, path: tuple[str, ...]) -> Iterator[Problem]:
    """Find what JSON text may hold, but neither a file, a variable nor a database; before anything else reads it."""
    field = ".".join(path) or "conf"
    if len(path) > MAX_DEPTH:
        yield Problem(field=path[0], expected=f"at most {MAX_DEPTH} levels of nesting", got="more")
    elif isinstance(value, str):
        if printable(value) != value:
            yield Problem(field=field, expected="text without NUL that UTF-8 can encode", got=shown(value))
    elif isinstance(value, int):
        if value.bit_length() > MAX_NUMBER_BITS:
            yield Problem(field=field, expected="a number of at most 300 digits", got=shown(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or printable(key) != key:
                expected = "keys that are text without NUL that UTF-8 can encode"
                yield Problem(field=field, expected=expected, got=shown(key))
            else:
                yield from _unfit(item, (*path, key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _unfit(item, (*path, str(place)))
