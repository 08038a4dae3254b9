"""Validation: 20 million rows judged by the validate stage in a container of 2 GiB.

The peer is Great Expectations alone, as its documentation has it: the same suite over one frame that pandas has read,
in a process of its own without a limit. It is given a tenth of the rows: for all it takes more memory than many
machines have.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.measurement import BenchmarkError, Measurement

IMAGE = "verbatim-runner:latest"
ROWS = 20_000_000
PEER_ROWS = ROWS // 10
STEP_ROWS = 1_000_000
MEMORY_BYTES = 2 * 2**30
RUN_ID = "validation-20260101T000000-000000"
PEER_NAME = "Great Expectations over one pandas frame, of a tenth of the rows"
SUITE = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount", "mostly": 0.9}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": -100, "max_value": 200}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "event", "value_set": ["view", "click", "buy"]}},
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "user", "regex": "^user-[0-9]+"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "user"}},
    {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "amount", "min_value": 40, "max_value": 60}},
    {"type": "expect_column_median_to_be_between", "kwargs": {"column": "amount", "min_value": 40, "max_value": 60}},
    {"type": "expect_column_stdev_to_be_between", "kwargs": {"column": "amount", "min_value": 5, "max_value": 15}},
    {"type": "expect_column_max_to_be_between", "kwargs": {"column": "count", "max_value": 1000}},
    {"type": "expect_column_unique_value_count_to_be_between", "kwargs": {"column": "country", "max_value": 200}},
]
PEER = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
started = time.monotonic()
import great_expectations as gx, pandas as pd
context = gx.get_context(mode="ephemeral")
batches = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
batch = batches.get_batch({"dataframe": pd.read_parquet(sys.argv[1])})
suite = gx.ExpectationSuite("s", expectations=json.loads(sys.argv[2]))
assert batch.validate(suite).success
print(json.dumps([time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""
WATCHED = """
import json, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
print(json.dumps([code, time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024]))
"""


def measure() -> list[Measurement]:
    """Make the data, and judge it in both ways."""
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-") as scratch:
        root = Path(scratch)
        data = _write_rows(root / "all.parquet", ROWS)
        part = _write_rows(root / "part.parquet", PEER_ROWS)
        peer_s, peer_bytes = _alone(part)
        part.unlink()
        code, ours_s, ours_bytes = _stage(root, data)
    goal = f"{ROWS:,} rows within {MEMORY_BYTES // 2**20} MiB"
    return [
        Measurement(
            "validation.memory", "MiB", ours_bytes / 2**20, peer_bytes / 2**20, PEER_NAME, goal,
            code == 0 and ours_bytes <= MEMORY_BYTES,
        ),
        Measurement("validation", "s per million rows", ours_s / ROWS * 1e6, peer_s / PEER_ROWS * 1e6, PEER_NAME),
    ]  # fmt: skip


def _write_rows(path: Path, rows: int) -> Path:
    """Write rows of an event log, a million at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, STEP_ROWS):
        ids = np.arange(start, start + STEP_ROWS)
        table = pa.table(
            {
                "id": ids,
                "user": pa.array(
                    [f"user-{number * 2654435761 % 2**32:010d}-0123456789abcdefghi" for number in ids.tolist()]
                ),
                "event": random.choice(["view", "click", "buy"], STEP_ROWS),
                "country": random.choice([f"country-{number}" for number in range(200)], STEP_ROWS),
                "amount": pa.array(random.normal(50, 10, STEP_ROWS), mask=random.random(STEP_ROWS) < 0.05),
                "count": random.integers(0, 1000, STEP_ROWS),
                "flag": random.random(STEP_ROWS) < 0.5,
                "at": pa.array(ids * 1_000_000 + 1_700_000_000_000_000, pa.timestamp("us")),
                "score": random.random(STEP_ROWS),
                "weight": random.random(STEP_ROWS).astype("float32"),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=128 * 1024)
    assert writer is not None
    writer.close()
    return path


def _alone(data: Path) -> tuple[float, float]:
    program = data.with_suffix(".py")
    program.write_text(PEER)
    done = subprocess.run(
        [sys.executable, program, str(data), json.dumps(SUITE)], capture_output=True, text=True, check=False
    )
    if done.returncode or not done.stdout:
        raise BenchmarkError(f"the peer failed: {done.stderr[-500:]}")
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def _stage(root: Path, data: Path) -> tuple[int, float, float]:
    """Run the validate stage in a container; returns its exit code, seconds and peak of memory in bytes."""
    _hand_over(root, data)
    command = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--memory",
        str(MEMORY_BYTES),
        "--memory-swap",
        str(MEMORY_BYTES),
    ]
    command += ["--volume", f"{root}:{root}", "--entrypoint", "python3", IMAGE, "-c", WATCHED]
    command += ["/usr/bin/python3", "-I", "/opt/verbatim", "stage", "--input", f"{root}/in", "--work", f"{root}/work"]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        raise BenchmarkError(f"the container failed after {time.monotonic() - started:.0f} s: {done.stderr[-500:]}")
    code, seconds, peak = json.loads(done.stdout.splitlines()[-1])
    if code:
        raise BenchmarkError(f"the stage ended with code {code}: {done.stderr[-500:]}")
    return code, seconds, peak


def _hand_over(root: Path, data: Path) -> None:
    """Store the data as a snapshot, and write the request of a validate stage over it."""
    from verbatim.channels import FileSource
    from verbatim.documents import now, tree_digest
    from verbatim.request import parse_request
    from verbatim.snapshot import DatasetSnapshot
    from verbatim.spec import Image, PinnedChannel, PinnedCode, PinnedSuite, RunSpec
    from verbatim.stage import ExtractOutputs, SnapshotRef, StageRequest, StageResult, StageSecrets
    from verbatim.store import Store

    store = Store(f"file://{root}/store")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    file = store.put_file(data, "part-00000.parquet")
    data.unlink()
    source = FileSource(uri=data.as_uri())
    document = DatasetSnapshot(source=source, as_of=moment, files=(file,), rows=ROWS)
    stored = store.put_bytes(document.canonical(), "train.json")
    snapshot = SnapshotRef(digest=tree_digest((file,)), document=stored.sha256, files=1, bytes=file.size, rows=ROWS)
    suite = store.put_bytes(json.dumps({"name": "train", "expectations": SUITE}).encode(), "suite.json")
    asked = parse_request({"code": "/nowhere", "experiment": "validation"})
    spec = RunSpec(
        experiment="validation", code=PinnedCode(kind="directory", url="/nowhere", digest="0" * 64),
        data={"train": PinnedChannel(source=source, as_of=moment)}, as_of=moment, model=None,
        validation={"train": PinnedSuite(suite="train.json", location="config", content=suite.sha256)},
        image=Image(reference=IMAGE, digest="none"), platform_version="0",
        **{name: getattr(asked, name) for name in (
            "command", "parameters", "metrics", "evaluation", "gates", "promotion", "resources", "environment", "seed",
            "retention",
        )},
    )  # fmt: skip
    extracted = StageResult(
        run_id=RUN_ID, stage="extract", try_number=1, state="succeeded", started_at=now(), finished_at=now(),
        engine="process", outputs=ExtractOutputs(snapshots={"train": snapshot}),
    )  # fmt: skip
    request = StageRequest(
        run_id=RUN_ID, stage="validate", try_number=1, spec=spec, inputs={"extract": extracted}, store_url=store.url,
        engine="process", cache_dir=f"{root}/cache",
    )  # fmt: skip
    (root / "in").mkdir()
    (root / "in/request.json").write_bytes(request.canonical())
    (root / "in/secrets.json").write_bytes(StageSecrets().in_clear())
