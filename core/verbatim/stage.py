"""Stage requests and results: the protocol between the orchestrator and the runner.

A stage is a function from a ``StageRequest`` to a ``StageResult``, both JSON documents in the store. The result is the
only thing that crosses back; an exit code tells whether to expect one.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field, JsonValue, SecretStr

from verbatim.documents import Document, FileRef, Moment, Sha256
from verbatim.errors import ExpectationFailed, GateFailed, PlatformFault, Stopped, UserFault, VerbatimError
from verbatim.fields import Parameter
from verbatim.gates import GateResult
from verbatim.metrics import MetricSummary
from verbatim.spec import RunSpec

StageName = Literal["pin", "extract", "prepare", "validate", "train", "evaluate", "register", "promote"]
STAGES: tuple[StageName, ...] = ("pin", "extract", "prepare", "validate", "train", "evaluate", "register", "promote")
RUNNER_STAGES: tuple[StageName, ...] = ("extract", "prepare", "validate", "train", "evaluate", "register")

EngineName = Literal["docker", "process"]


class SnapshotRef(Document):
    """A dataset snapshot by digest, with its size."""

    digest: Sha256 = Field(
        description="tree digest of the files: the same content has the same digest, wherever it came from"
    )
    document: Sha256 = Field(description="the blob that says what the files are and where they came from")
    files: int
    bytes: int
    rows: int | None = Field(None, description="None where the files are in no format whose rows can be counted")
    reused: bool = False
    time_bound: bool = Field(True, description="False: a query that uses neither as_of nor the interval")
    moved: str | None = Field(
        None, description="reproducing: in which way the source does not hold any more what it held"
    )


class PinOutputs(Document):
    """What pinning made."""

    stage: Literal["pin"] = "pin"
    spec_digest: Sha256


class ExtractOutputs(Document):
    """The channels' snapshots."""

    stage: Literal["extract"] = "extract"
    snapshots: dict[str, SnapshotRef]


class CodeRef(Document):
    """The code blob: a deterministic tar archive."""

    digest: Sha256
    bytes: int
    commit: str | None
    files: int
    committed_at: Moment | None = Field(None, description="the commit's date; for an archive that of its newest file")
    lfs_pointers: tuple[str, ...] = Field(
        (), description="files whose content is elsewhere (git LFS) and was not fetched"
    )


class EnvironmentRef(Document):
    """The user's environment."""

    lock_digest: Sha256 = Field(description="digest of the lock, a requirements file with hashes, which is a blob")
    lock_bytes: int | None = Field(None, ge=0, description="the lock's size")
    python: str = Field(description="full version, such as 3.11.2")
    packages: int
    declared_by: str = Field(
        description="what the dependencies were read from: requirements.txt, pyproject.toml or imports"
    )
    cached: bool = Field(description="whether an environment of this lock was there already")
    as_of: Moment | None = Field(None, description="only releases up to then were considered; None: all")
    added: tuple[str, ...] = Field((), description="requirements that no declaration names and the code imports")
    relaxed: tuple[str, ...] = Field((), description="requirements whose pins were dropped (environment.relax)")
    local_packages: tuple[str, ...] = Field(
        (),
        description="directories of packages that lie in the code, and those above the project that it imports from, "
        "seen from the root of the code",
    )
    interpreter: str | None = Field(None, description="why this interpreter, where the code demands one")


class Entry(Document):
    """How training is started, and why so."""

    argv: tuple[str, ...] = Field(description="before parameters are appended; placeholders not yet filled in")
    appends_parameters: bool = Field(description="whether parameters follow as --key value")
    found_by: str = Field(description="the rule that decided, in words")
    defaults: dict[str, Parameter] = Field(
        default_factory=dict, description="parameters that the code declares; the conf's come before them"
    )
    paths: tuple[str, ...] = Field((), description="parameters that are files: where one is a URI, it is fetched")
    requires: tuple[str, ...] = Field((), description="distributions that starting it needs (papermill)")
    declared_in: str | None = Field(
        None, description="the file that declares its dependencies, where the entry names one (MLproject)"
    )


class PrepareOutputs(Document):
    """Code and environment."""

    stage: Literal["prepare"] = "prepare"
    code: CodeRef
    environment: EnvironmentRef
    entry: Entry
    system_packages: tuple[str, ...] = Field((), description="Debian packages of apt.txt, as name=version")


class FailedExpectation(Document):
    """One expectation that a snapshot does not meet."""

    expectation: str
    column: str | None
    observed: str
    severity: Literal["fail", "warn"] = "fail"
    rows: tuple[dict[str, JsonValue], ...] = Field((), description="some rows that do not meet it")


class SuiteResult(Document):
    """One suite over one channel."""

    passed: bool = Field(description="whether no expectation failed that ends a run")
    evaluated: int
    failed: tuple[FailedExpectation, ...]
    result: FileRef = Field(description="Great Expectations' full result as JSON, a blob")
    data_docs: FileRef | None = Field(None, description="a self-contained HTML page, a blob")
    reused: bool = Field(False, description="whether this image had judged the same data by the same suite before")


class ValidateOutputs(Document):
    """Suite results by channel."""

    stage: Literal["validate"] = "validate"
    results: dict[str, SuiteResult]


class Usage(Document):
    """What the user's command used."""

    duration_s: float
    cpu_s: float
    peak_memory_bytes: int
    disk_read_bytes: int | None = Field(None, description="None where the kernel does not tell")
    disk_written_bytes: int | None = None
    network_received_bytes: int | None = Field(None, description="of the whole container; None outside one")
    network_sent_bytes: int | None = None
    gpu_seconds: float | None = Field(None, description="GPU utilisation over time; None where there is no GPU")
    gpu_peak_memory_bytes: int | None = None


class TrainOutputs(Document):
    """What training made."""

    stage: Literal["train"] = "train"
    command: tuple[str, ...]
    metrics: dict[str, MetricSummary]
    points: int = Field(description="metric points stored")
    model: tuple[FileRef, ...]
    artifacts: tuple[FileRef, ...]
    log: FileRef
    usage: Usage
    checkpoints: tuple[FileRef, ...] = ()
    resumed_from: str | None = Field(None, description="the run, or the earlier try, whose checkpoints it began with")
    reported_parameters: dict[str, str] = Field(default_factory=dict, description="logged by the code through MLflow")
    tags: dict[str, str] = Field(default_factory=dict, description="set by the code through MLflow")


class EvaluateOutputs(Document):
    """The gates' verdict."""

    stage: Literal["evaluate"] = "evaluate"
    metrics: dict[str, float] = Field(description="last values that the gates were judged on")
    gates: tuple[GateResult, ...]
    passed: bool
    artifacts: tuple[FileRef, ...] = ()


class RegisterOutputs(Document):
    """The model version, or None where the run makes no model."""

    stage: Literal["register"] = "register"
    name: str | None
    version: int | None
    digest: Sha256 | None = Field(None, description="tree digest of the model's files")
    status: Literal["candidate", "rejected"] | None = None
    destination: str | None = None


class PromoteOutputs(Document):
    """What promotion did."""

    stage: Literal["promote"] = "promote"
    alias: str | None = None
    reason: str


Outputs = Annotated[
    PinOutputs
    | ExtractOutputs
    | PrepareOutputs
    | ValidateOutputs
    | TrainOutputs
    | EvaluateOutputs
    | RegisterOutputs
    | PromoteOutputs,
    Field(discriminator="stage"),
]


FaultKind = Literal["user", "platform", "expectation", "gate", "stopped"]
_FAULTS: tuple[tuple[FaultKind, type[VerbatimError]], ...] = (
    ("gate", GateFailed),
    ("expectation", ExpectationFailed),
    ("user", UserFault),
    ("stopped", Stopped),
    ("platform", PlatformFault),
)


class StageError(Document):
    """Why a stage failed, as data."""

    kind: FaultKind
    message: str
    field: str | None = None

    @classmethod
    def of(cls, error: VerbatimError) -> StageError:
        """Return an error as data; one of no known kind is the platform's."""
        kind = next((kind for kind, error_type in _FAULTS if isinstance(error, error_type)), "platform")
        return cls(kind=kind, message=error.message, field=error.field)

    def as_exception(self) -> VerbatimError:
        """Return the exception that this stands for."""
        return dict(_FAULTS)[self.kind](self.message, field=self.field)


class StageResult(Document):
    """What a stage did. Where ``state`` is failed, ``error`` says why, and ``outputs`` may still be there (gates)."""

    schema_version: Literal[1] = 1
    run_id: str
    stage: StageName
    try_number: int
    state: Literal["succeeded", "failed"]
    started_at: Moment
    finished_at: Moment
    engine: EngineName | Literal["worker"] = Field(description="where it ran; 'worker': in the Airflow worker itself")
    warnings: tuple[str, ...] = ()
    error: StageError | None = None
    outputs: Outputs | None = None

    @property
    def duration_s(self) -> float:
        """Seconds from start to finish."""
        return (self.finished_at - self.started_at).total_seconds()


class CacheLimits(Document):
    """How large the caches of a host may grow, in bytes; what was not used for longest goes first."""

    data_bytes: int = Field(20 * 10**9, ge=0)
    environment_bytes: int = Field(20 * 10**9, ge=0)


class StageRequest(Document):
    """What a stage is asked to do. It holds no secret: those come in ``StageSecrets``, beside it."""

    schema_version: Literal[1] = 1
    run_id: str
    stage: StageName
    try_number: int = Field(ge=1)
    spec: RunSpec
    inputs: dict[StageName, StageResult] = Field(default_factory=dict, description="results of the stages before it")
    store_url: str = Field(description="the store as this stage sees it: file:///… or s3://bucket/prefix")
    engine: EngineName
    cache_dir: str = Field(description="directory for environments and packages that outlives the stage")
    model_version: int | None = Field(None, description="register: the version that the catalog allotted")
    limits: CacheLimits = Field(default_factory=CacheLimits, description="how large the host's caches may grow")


class S3Credentials(Document):
    """How to reach one S3-compatible store. Values are shown as ``**********``."""

    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    region: str | None = None
    endpoint_url: str | None = None
    addressing_style: Literal["path", "virtual"] | None = Field(
        None, description="whether the bucket is in the path or in the host's name; with an endpoint: path"
    )
    unsigned: bool = Field(False, description="whether requests go without any credential, to public buckets")
    verify: bool = Field(True, description="whether the server's certificate is checked")
    ca_certificates: str | None = Field(None, description="PEM; trusted besides the machine's own")

    def keys(self) -> dict[str, str | None]:
        """Return the keys in clear under obstore's names; nothing where there are none."""
        if not self.access_key_id or not self.secret_access_key or self.unsigned:
            return {}
        return {
            "access_key_id": self.access_key_id.get_secret_value(),
            "secret_access_key": self.secret_access_key.get_secret_value(),
            "token": self.session_token.get_secret_value() if self.session_token else None,
        }

    @property
    def is_virtual_hosted(self) -> bool:
        """Whether a bucket is named in the host, as AWS has it, or in the path, as most other servers do."""
        return (self.addressing_style or ("path" if self.endpoint_url else "virtual")) == "virtual"

    def endpoint_of(self, bucket: str) -> str | None:
        """Return where the requests for a bucket go; None for AWS."""
        if not self.endpoint_url or not self.is_virtual_hosted:
            return self.endpoint_url
        scheme, _, host = self.endpoint_url.partition("://")
        return f"{scheme}://{bucket}.{host}"


class Login(Document):
    """How to reach one git server or package index. Values are shown as ``**********``."""

    username: str | None = None
    password: SecretStr | None = Field(None, description="or a token")
    private_key: SecretStr | None = Field(None, description="an ssh key in OpenSSH's or PEM form")
    known_hosts: str | None = Field(None, description="lines of ssh's known_hosts that the server is checked against")


class DatabaseLogin(Document):
    """How to reach one database or HiveServer2. Values are shown as ``**********``."""

    kind: str = Field(description="Airflow's connection type: hiveserver2, postgres, mysql, sqlite")
    host: str | None = None
    port: int | None = None
    database: str | None = Field(None, description="the connection's schema; for sqlite the file")
    username: str | None = None
    password: SecretStr | None = None
    extra: SecretStr | None = Field(None, description="the connection's extra field, a JSON object")


class StageSecrets(Document):
    """Credentials for one stage, handed over in a file that the user's uid cannot read; never stored, never logged."""

    store: S3Credentials | None = None
    connections: dict[str, S3Credentials] = Field(
        default_factory=dict, description="Airflow connection id to credentials"
    )
    logins: dict[str, Login] = Field(default_factory=dict, description="Airflow connection id to login")
    databases: dict[str, DatabaseLogin] = Field(
        default_factory=dict, description="Airflow connection id to database login"
    )

    def in_clear(self) -> bytes:
        """Return JSON with the secrets in clear, for the hand-over alone."""

        def clear(credentials: S3Credentials | Login | DatabaseLogin) -> dict[str, str | int | bool | None]:
            dumped = credentials.model_dump()
            return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in dumped.items()}

        return json.dumps(
            {
                "store": clear(self.store) if self.store else None,
                "connections": {name: clear(value) for name, value in self.connections.items()},
                "logins": {name: clear(value) for name, value in self.logins.items()},
                "databases": {name: clear(value) for name, value in self.databases.items()},
            }
        ).encode()

    def values(self) -> tuple[str, ...]:
        """Return every secret in clear, so that a log can be searched for them."""
        found = []
        for credentials in (*self.connections.values(), *([self.store] if self.store else [])):
            found += [v.get_secret_value() for v in (credentials.secret_access_key, credentials.session_token) if v]
        for login in self.logins.values():
            found += [v.get_secret_value() for v in (login.password, login.private_key) if v]
        for database in self.databases.values():
            found += [v.get_secret_value() for v in (database.password, database.extra) if v]
        return tuple(found)
