"""Takes the rows of some keys: which ones depends on seed and key alone, never on order, batches, source or type.

A key is taken where the first 8 bytes of the SHA-256 of ``<seed>:<key as text>``, in UTF-8, read as a big-endian
number, are below ``fraction * 2**64``; every SQL dialect that has SHA-256 can do the same. Null is a key of its own,
the hash of ``<seed>`` alone. ``key_texts`` says how a key is written as text; docs/samples.md says it to users.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim.snapshot import SampleRecord
from verbatim_runner.sources.snapshots.distribution import KeyCounts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from decimal import Decimal

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from verbatim.channels import Sample

_NAMED = 50


class Sampler:
    """The choice of one channel's sample, and what it came across. Not safe to use from several threads.

    Args:
        sample: What to take.
        channel: The channel's name, for messages.
    """

    def __init__(self, sample: Sample, channel: str) -> None:
        self._sample = sample
        self._channel = channel
        self.field = f"data.{channel}.sample.key"
        self._bound = int(sample.fraction * 2**64)
        self._whole = KeyCounts()
        self._taken = KeyCounts()

    @property
    def key(self) -> str:
        """The column that holds the key."""
        return self._sample.key

    @property
    def whole_rows(self) -> int:
        """How many rows were chosen from so far."""
        return self._whole.rows

    def position(self, columns: Sequence[str], where: str) -> int:
        """Return which of some columns is the key.

        Raises:
            UserFault: None of them, or more than one.
        """
        there = [number for number, name in enumerate(columns) if name == self.key]
        if len(there) == 1:
            return there[0]
        listed = ", ".join(columns[:_NAMED]) + (", …" if len(columns) > _NAMED else "")
        what = "no column" if not there else f"{len(there)} columns"
        raise UserFault(f"{where} has {what} {self.key!r} to sample by; its columns: {listed}", field=self.field)

    def choose(self, keys: pa.Array) -> NDArray[np.bool_]:
        """Return which rows are taken, shape (rows,), and count them.

        Args:
            keys: Of every row.

        Raises:
            UserFault: They are of a type that cannot be a key.
        """
        import numpy as np
        import pyarrow as pa

        if pa.types.is_nested(keys.type):
            raise _no_key(keys.type, self.field)
        if pa.types.is_dictionary(keys.type):
            keys = keys.dictionary_decode()
        encoded = keys.dictionary_encode(null_encoding="encode")
        rows = encoded.indices.to_numpy(zero_copy_only=False)
        hashes = self._hashes(key_texts(encoded.dictionary, self.field))
        counts = np.bincount(rows, minlength=len(hashes)).astype(np.int64)
        chosen = hashes[:, 0] < np.uint64(self._bound)
        self._whole.add(hashes[:, 1], counts)
        self._taken.add(hashes[chosen, 1], counts[chosen])
        taken: NDArray[np.bool_] = chosen[rows]
        return taken

    def filter(self, batch: pa.RecordBatch, where: str) -> pa.RecordBatch:
        """Return a batch's rows that are taken, in their order.

        Args:
            batch: Rows of a table.
            where: The table, for messages.
        """
        import pyarrow as pa

        return batch.filter(pa.array(self.choose(batch.column(self.position(batch.schema.names, where)))))

    def record(self) -> SampleRecord:
        """Return what was taken of the whole.

        Raises:
            UserFault: Nothing.
        """
        if not self._whole.rows:
            raise UserFault(f"there are no rows to take a sample of in {self._channel}", field=self.field)
        whole = self._whole.result()
        if not self._taken.rows:
            message = (
                f"the sample of {self._sample.fraction:g} by {self.key} takes none of {whole.rows} rows, which have "
                f"{whole.keys} keys; take a larger fraction, another seed or another key"
            )
            raise UserFault(message, field=f"data.{self._channel}.sample.fraction")
        return SampleRecord(sample=self._sample, whole=whole, taken=self._taken.result())

    def _hashes(self, texts: list[bytes | None]) -> NDArray[np.uint64]:
        """Return what decides on each key, and what it is counted by; shape (keys, 2)."""
        import numpy as np

        seed = str(self._sample.seed).encode()
        prefix, sha256 = seed + b":", hashlib.sha256
        digests = b"".join([sha256(seed if text is None else prefix + text).digest()[:16] for text in texts])
        return np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def key_texts(keys: pa.Array, field: str) -> list[bytes | None]:
    """Return keys as the text that is hashed.

    Text is itself and bytes are themselves; numbers are in decimal without needless zeros, so that 7, 7.0, 7.00 and
    ``'7'`` are one key; booleans are ``true`` and ``false``; dates and moments are in ISO 8601, moments in UTC without
    a zone, to the microsecond where it is not 0.

    Args:
        keys: Distinct ones.
        field: The conf field, for messages.

    Raises:
        UserFault: They are of another type.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = keys.type, pa.types
    if types.is_null(kind):
        return [None] * len(keys)
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_large_string(kind):
        keys, kind = pc.cast(keys, pa.string()), pa.string()
    if types.is_string(kind):
        keys, kind = keys.cast(pa.binary()), pa.binary()
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return list(keys.to_pylist())
    if types.is_floating(kind):
        return [None if key is None else _float_text(key).encode() for key in keys.to_pylist()]
    if types.is_decimal(kind):
        return [None if key is None else _decimal_text(key).encode() for key in keys.to_pylist()]
    if types.is_date(kind) or types.is_timestamp(kind):
        plain = pc.cast(keys, pa.date32() if types.is_date(kind) else pa.timestamp("us"), safe=False)
        return [None if key is None else _iso_text(key).encode() for key in plain.to_pylist()]
    raise _no_key(kind, field)


def _no_key(kind: pa.DataType, field: str) -> UserFault:
    message = f"a sample cannot be taken by a column of type {kind}; take one of numbers, text, dates or moments"
    return UserFault(message, field=field)


def _float_text(key: float) -> str:
    return str(int(key)) if key.is_integer() else repr(key)


def _decimal_text(key: Decimal) -> str:
    text = f"{key:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _iso_text(key: date | datetime) -> str:
    return key.isoformat()
