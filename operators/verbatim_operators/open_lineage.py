"""What a stage tells OpenLineage: which datasets it read and made, of which run. Loaded only where that provider is.

Datasets that lie elsewhere have the names that OpenLineage gives them (https://openlineage.io/docs/spec/naming), so
that they meet those of other jobs; snapshots and models are named after experiment, channel and model, in the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    dataset_version_dataset,
    datasource_dataset,
    output_statistics_output_dataset,
    schema_dataset,
    source_code_location_job,
    sql_job,
)
from openlineage.client.naming.dataset import S3, Hive, LocalFileSystem, MySQL, Postgres

from verbatim.channels import FileSource, HiveSource, S3Source
from verbatim.record import latest_results
from verbatim.snapshot import DatasetSnapshot
from verbatim.stage import ExtractOutputs, RegisterOutputs, TrainOutputs
from verbatim_operators.credentials import read_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openlineage.client.naming.dataset import DatasetNaming

    from verbatim.connections import Connection
    from verbatim.spec import PinnedChannel, RunSpec
    from verbatim.stage import Outputs, SnapshotRef, StageName, StageResult
    from verbatim.store import Store
    from verbatim_operators.worker import Platform

PORTS = {"hive": 10000, "postgres": 5432, "mysql": 3306}


@attr.define
class VerbatimRunFacet(RunFacet):
    """Which run of Verbatim a task belongs to.

    Attributes:
        runId: The run's id, as ``verbatim show`` takes it.
        specDigest: The digest of everything that was pinned: the run's identity.
        experiment: Its experiment.
        stage: The stage that the task is.
    """

    runId: str  # noqa: N815 - facets are spelled so
    specDigest: str  # noqa: N815
    experiment: str
    stage: str


def lineage_of(platform: Platform, run_id: str, stage: StageName) -> OperatorLineage[Any, Any]:
    """Return what a stage's latest try read and made, as far as it came.

    Raises:
        PlatformFault: The store does not answer, or a connection is not there.
    """
    spec = platform.lifecycle.spec(run_id)
    told = _Told(platform.store, spec, latest_results(platform.store, run_id))
    about = VerbatimRunFacet(runId=run_id, specDigest=spec.content_digest(), experiment=spec.experiment, stage=stage)
    return OperatorLineage(
        inputs=list(told.inputs(stage)),
        outputs=list(told.outputs(stage)),
        run_facets={"verbatim_run": about},
        job_facets=dict(_job_facets(spec, stage)),
    )


class _Told:
    """The datasets of a run, as its documents tell of them."""

    def __init__(self, store: Store, spec: RunSpec, results: Mapping[StageName, StageResult]) -> None:
        self._store = store
        self._spec = spec
        self._results = results
        self._namespace = f"verbatim+{store.url.rstrip('/')}"

    def inputs(self, stage: StageName) -> Iterator[InputDataset]:
        if stage == "extract":
            for pinned in self._spec.data.values():
                yield from map(_named, _names_of(pinned))
        if stage in {"validate", "train", "evaluate"}:
            for channel, snapshot in self._snapshots().items():
                yield InputDataset(self._namespace, self._of_channel(channel), facets=self._facets(snapshot))
        if stage == "evaluate" and self._spec.model:
            yield InputDataset(self._namespace, f"models/{self._spec.model.name}")

    def outputs(self, stage: StageName) -> Iterator[OutputDataset]:
        if stage == "extract":
            for channel, snapshot in self._snapshots().items():
                size = _size(rows=snapshot.rows, files=snapshot.files, size=snapshot.bytes)
                name, facets = self._of_channel(channel), self._facets(snapshot)
                yield OutputDataset(self._namespace, name, facets=facets, outputFacets=size)
        if stage == "train" and self._spec.model and (trained := self._made("train", TrainOutputs)):
            size = _size(rows=None, files=len(trained.model), size=sum(file.size for file in trained.model))
            yield OutputDataset(self._namespace, f"models/{self._spec.model.name}", outputFacets=size)
        if stage == "register" and (registered := self._made("register", RegisterOutputs)) and registered.name:
            version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(registered.version))
            yield OutputDataset(self._namespace, f"models/{registered.name}", facets={"version": version})

    def _of_channel(self, channel: str) -> str:
        return f"snapshots/{self._spec.experiment}/{channel}"

    def _snapshots(self) -> Mapping[str, SnapshotRef]:
        extracted = self._made("extract", ExtractOutputs)
        return extracted.snapshots if extracted else {}

    def _facets(self, snapshot: SnapshotRef) -> dict[str, DatasetFacet]:
        document = DatasetSnapshot.parse(self._store.get_blob(snapshot.document), source=snapshot.document)
        facets: dict[str, DatasetFacet] = {
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=snapshot.digest),
            "dataSource": _data_source(self._namespace),
        }
        if document.columns:
            fields = [
                schema_dataset.SchemaDatasetFacetFields(name=column.name, type=column.type, ordinal_position=place)
                for place, column in enumerate(document.columns, 1)
            ]
            facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields)
        return facets

    def _made(self, stage: StageName, kind: type[Any]) -> Any:
        outputs: Outputs | None = self._results[stage].outputs if stage in self._results else None
        return outputs if isinstance(outputs, kind) else None


def _job_facets(spec: RunSpec, stage: StageName) -> Iterator[tuple[str, JobFacet]]:
    statements = [pinned.query.statement for pinned in spec.data.values() if pinned.query]
    if stage == "extract" and statements:
        yield "sql", sql_job.SQLJobFacet(query=";\n".join(statements))
    if stage in {"prepare", "train"} and spec.code.kind == "git":
        code = spec.code
        where = source_code_location_job.SourceCodeLocationJobFacet(
            type="git", url=code.url, repoUrl=code.url, path=code.subdirectory, version=code.commit, branch=code.ref
        )
        yield "sourceCodeLocation", where


def _names_of(pinned: PinnedChannel) -> Iterator[DatasetNaming | Dataset]:
    """Give the names of what a channel is read from."""
    source = pinned.source
    if isinstance(source, FileSource):
        yield LocalFileSystem(source.uri.removeprefix("file://"))
    elif isinstance(source, S3Source):
        bucket, _, key = source.uri.removeprefix("s3://").partition("/")
        yield S3(bucket, key or "/")
    elif pinned.query and pinned.database_file:
        yield from (Dataset(f"sqlite://{pinned.database_file}", table) for table in pinned.query.tables)
    elif pinned.query:
        connection = read_connection(source.connection)
        kind = "hive" if isinstance(source, HiveSource) else connection.kind
        yield from (_table(kind, connection, table) for table in pinned.query.tables)


def _table(kind: str, connection: Connection, table: str) -> DatasetNaming:
    """Return a table's name, completed by what the connection says where the query leaves it out."""
    *before, name = (part.strip('`" ') for part in table.split("."))
    host, port = connection.host or "localhost", str(connection.port or PORTS.get(kind) or "")
    if kind == "hive":
        database = before[-1] if before else connection.schema or "default"
        return Hive(host, port, database.lower(), name.lower())
    if kind == "mysql":
        return MySQL(host, port, before[-1] if before else connection.schema or kind, name)
    database = before[-2] if len(before) > 1 else connection.schema or connection.login or kind
    return Postgres(host, port, database, before[-1] if before else "public", name)


def _named(name: DatasetNaming | Dataset) -> InputDataset:
    if isinstance(name, Dataset):
        return InputDataset(name.namespace, name.name, facets={"dataSource": _data_source(name.namespace)})
    namespace = name.get_namespace()
    return InputDataset(namespace, name.get_name(), facets={"dataSource": _data_source(namespace)})


def _data_source(namespace: str) -> DatasetFacet:
    return datasource_dataset.DatasourceDatasetFacet(name=namespace, uri=namespace)


def _size(*, rows: int | None, files: int, size: int) -> dict[str, OutputDatasetFacet]:
    facet = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return {"outputStatistics": facet(rowCount=rows, size=size, fileCount=files)}
