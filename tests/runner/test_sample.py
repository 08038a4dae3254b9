"""Samples: by hashed key, the same whatever the order, the batches, the types and the source."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verbatim.channels import Sample
from verbatim.errors import UserFault
from verbatim.stage import ExtractOutputs
from verbatim_runner.sources.snapshots import distribution
from verbatim_runner.sources.snapshots.distribution import KeyCounts
from verbatim_runner.sources.snapshots.sample import Sampler, key_texts
from verbatim_runner.sources.workspace import place_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from runner.conftest import Ground

    from verbatim.snapshot import DatasetSnapshot
    from verbatim.stage import StageResult

HALF = Sample(fraction=0.5, key="user_id", seed=7)


def is_taken(key: object, sample: Sample = HALF) -> bool:
    """Say what docs/samples.md says, in other words."""
    text = f"{sample.seed}" if key is None else f"{sample.seed}:{key}"
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) < sample.fraction * 2**64


def taken_of(keys: pa.Array, sample: Sample = HALF) -> list[Any]:
    return keys.filter(pa.array(Sampler(sample, "train").choose(keys))).to_pylist()


def conf_of(lake: Path, **sample: object) -> dict[str, Any]:
    asked = {"fraction": 0.5, "key": "user_id", "seed": 7, **sample}
    return {"data": {"train": {"file": {"uri": f"file://{lake}/"}, "sample": asked}}}


def laid_out(ground: Ground, result: StageResult, target: str = "channel") -> tuple[DatasetSnapshot, Path]:
    assert isinstance(result.outputs, ExtractOutputs), result.error
    directory = ground.root / target
    context = ground.context(ground.request("extract"))
    return place_snapshot(context, result.outputs.snapshots["train"], directory), directory


def test_which_keys_are_taken_is_what_the_docs_say():
    users = [f"user-{number}" for number in range(2000)]
    taken = taken_of(pa.array(users))
    assert taken == [user for user in users if is_taken(user)]
    assert 900 < len(taken) < 1100
    assert taken_of(pa.array([None, "a", None])) == [key for key in (None, "a", None) if is_taken(key)]


def test_another_seed_takes_other_keys_and_a_larger_fraction_all_that_a_smaller_took():
    keys = pa.array(range(1000))
    small, large = (set(taken_of(keys, Sample(fraction=part, key="k", seed=1))) for part in (0.2, 0.4))
    assert small < large
    assert small != set(taken_of(keys, Sample(fraction=0.2, key="k", seed=2)))


@pytest.mark.parametrize("keys", [
    pa.array(range(1000), pa.int32()), pa.array(range(1000), pa.uint64()), pa.array(range(1000), pa.float64()),
    pa.array([str(key) for key in range(1000)]), pa.array([str(key) for key in range(1000)], pa.large_string()),
    pa.array([str(key) for key in range(1000)]).dictionary_encode(),
    pa.array([Decimal(key) for key in range(1000)], pa.decimal128(38, 4)), pa.array(range(1000)).cast(pa.decimal128(25, 2)),
    pa.array([str(key).encode() for key in range(1000)]),
])  # fmt: skip
def test_the_type_of_a_key_does_not_matter(keys):
    assert [int(key) for key in taken_of(keys)] == taken_of(pa.array(range(1000), pa.int64()))


@pytest.mark.parametrize(("keys", "texts"), [
    (pa.array([-7, None]), [b"-7", None]),
    (pa.array([7.0, -0.0, 0.5, 1e20, float("nan")]), [b"7", b"0", b"0.5", b"100000000000000000000", b"nan"]),
    (pa.array([Decimal("7.10"), Decimal("100.00"), Decimal("12345678901234567890123456789012.34")], pa.decimal128(38, 2)),
     [b"7.1", b"100", b"12345678901234567890123456789012.34"]),
    (pa.array([True, False]), [b"true", b"false"]),
    (pa.array([date(2026, 1, 2)]), [b"2026-01-02"]),
    (pa.array([datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)], pa.timestamp("ns", "Europe/Rome")), [b"2026-01-02T03:04:05"]),
    (pa.array([datetime(2026, 1, 2, 3, 4, 5, 6)], pa.timestamp("us")), [b"2026-01-02T03:04:05.000006"]),  # noqa: DTZ001
    (pa.array([None, None]), [None, None]),
])  # fmt: skip
def test_a_key_is_written_as_text(keys, texts):
    assert key_texts(keys, "data.train.sample.key") == texts


def test_a_key_of_a_nested_type_is_refused():
    with pytest.raises(UserFault, match="type list"):
        Sampler(HALF, "train").choose(pa.array([[1]]))


def test_order_and_batches_do_not_matter():
    dice = random.Random(1)
    keys = [dice.randrange(300) for _ in range(5000)]
    batch = pa.record_batch({"user_id": keys, "row": range(5000)})
    whole = Sampler(HALF, "train")
    rows = set(whole.filter(batch, "t").column("row").to_pylist())
    shuffled = Sampler(HALF, "train")
    mixed = batch.take(pa.array(dice.sample(range(5000), 5000)))
    parts = [shuffled.filter(mixed.slice(start, 37), "t") for start in range(0, 5000, 37)]
    assert {row for part in parts for row in part.column("row").to_pylist()} == rows
    assert whole.record() == shuffled.record()


def test_the_distribution_of_keys_is_counted():
    sampler = Sampler(HALF, "train")
    rows = [key for key in range(100) for _ in range(key + 1)]
    sampler.choose(pa.array(rows))
    record = sampler.record()
    assert (record.whole.rows, record.whole.keys, record.whole.largest, record.whole.estimated) == (
        5050,
        100,
        100,
        False,
    )
    assert record.whole.quantiles == {"0.25": 25, "0.5": 50, "0.75": 75, "0.95": 95, "0.99": 99}
    assert record.taken.keys == sum(is_taken(key) for key in range(100))
    assert record.taken.rows == sum(key + 1 for key in range(100) if is_taken(key))


def test_too_many_keys_are_estimated_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(distribution, "EXACT_KEYS", 4096)
    monkeypatch.setattr(distribution, "KEPT_KEYS", 2048)
    monkeypatch.setattr(distribution, "FREQUENT_KEYS", 16)
    counts = KeyCounts()
    hashes = np.random.default_rng(1).integers(0, 2**64, 100_000, dtype=np.uint64)
    for start in range(0, len(hashes), 1000):
        counts.add(hashes[start : start + 1000], np.full(1000, 3, dtype=np.int64))
        counts.add(hashes[:1], np.array([50]))
    result = counts.result()
    assert result.estimated
    assert (result.rows, result.largest) == (305_000, 5003)
    assert abs(result.keys - 100_000) < 10_000
    assert result.quantiles["0.5"] == 3
    assert len(counts._hashes) <= 4096


@pytest.mark.parametrize("name", ["a.csv", "b.csv.gz", "c.jsonl", "d.ndjson.gz", "day=1/e.parquet"])
def test_files_are_sampled_in_their_own_format(ground: Ground, write_tree, name):
    lake = write_tree({"_SUCCESS": "", ".part.crc": "no checksum of the sample"})
    rows = [{"user_id": number % 50, "text": f'it said "{number}",\nthen left'} for number in range(1000)]
    write_rows(lake / name, rows)
    document, directory = laid_out(ground, ground.run(ground.request("extract", conf_of(lake))))
    assert [file.path for file in document.files] == sorted(["_SUCCESS", name])
    assert [item.path for item in document.objects] == sorted([".part.crc", "_SUCCESS", name])
    expected = [row for row in rows if is_taken(row["user_id"])]
    assert read_rows(directory / name) == expected
    assert document.rows == len(expected)
    assert document.sample
    assert (document.sample.whole.rows, document.sample.whole.keys, document.sample.whole.largest) == (1000, 50, 20)
    assert document.sample.taken.keys == len({row["user_id"] for row in expected})


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=100)
        return
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as out:
        if "csv" in path.name:
            writer = csv.DictWriter(out, ["user_id", "text"])
            writer.writeheader()
            writer.writerows(rows)
        else:
            out.writelines(json.dumps(row) + "\n" for row in rows)


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as content:
        if "csv" in path.name:
            return [{**row, "user_id": int(row["user_id"])} for row in csv.DictReader(content)]
        return [json.loads(line) for line in content]


def test_a_record_of_a_sample_keeps_its_bytes(ground: Ground, write_tree):
    key = next(str(number) for number in range(100) if is_taken(number))
    record = f'"{key}" ,0012,"a ""quoted"" word"\r\n'.replace('" ', '"')
    lake = write_tree({})
    (lake / "a.csv").write_bytes(f"\ufeffuser_id,n,text\r\n{record}\r\n{key},2".encode())
    _, directory = laid_out(ground, ground.run(ground.request("extract", conf_of(lake))))
    assert (directory / "a.csv").read_bytes() == f"\ufeffuser_id,n,text\r\n{record}{key},2\n".encode()


def test_the_same_sample_is_not_read_again_and_another_is(ground: Ground, write_tree):
    lake = write_tree({"a.csv": "user_id\n" + "".join(f"{number}\n" for number in range(100))})
    first, again, other = (
        ground.run(ground.request("extract", conf_of(lake, seed=seed), try_number=number)).outputs.snapshots["train"]
        for number, seed in enumerate([7, 7, 8], start=1)
    )
    assert (first.reused, again.reused, other.reused) == (False, True, False)
    assert first.digest == again.digest != other.digest


@pytest.mark.parametrize(("file", "sample", "said"), [
    ({"a.csv": "x,y\n1,2\n"}, {}, "no column 'user_id' to sample by; its columns: x, y"),
    ({"a.jsonl": '{"x": 1}\n'}, {}, "no column 'user_id' to sample by; its columns: x"),
    ({"a.csv": "user_id,user_id\n1,2\n"}, {}, "2 columns 'user_id'"),
    ({"a.csv": "x,user_id\n1,2\n3\n"}, {}, "line 3 has 1 fields instead of 2"),
    ({"a.csv": 'user_id\n"1\n'}, {}, "cannot be sampled"),
    ({"a.csv": ""}, {}, "no header"),
    ({"a.jsonl": '{"user_id": 1}\n[\n'}, {}, "line 2 is no JSON"),
    ({"a.jsonl": "[1]\n"}, {}, "line 1 is no JSON object"),
    ({"a.jsonl": '{"user_id": {}}\n'}, {}, "neither text nor a number"),
    ({"a.txt": "user_id\n"}, {}, "no sample can be taken of a.txt; expected files that end in .parquet, .csv, .jsonl"),
    ({"a.csv": "user_id\n"}, {}, "no rows to take a sample of"),
    ({"a.csv": "user_id\n1\n1\n"}, {"fraction": 1e-9}, "takes none of 2 rows, which have 1 keys"),
])  # fmt: skip
def test_what_cannot_be_sampled_is_the_users_fault(ground: Ground, write_tree, file, sample, said):
    result = ground.run(ground.request("extract", conf_of(write_tree(file), **sample)))
    assert result.error.kind == "user"
    assert said in result.error.message
    assert not ground.store.keys("indexes")
