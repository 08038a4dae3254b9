"""The statements that a query is wrapped in: what it gives, how much and what in sum, and its export."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from verbatim.data.sql.parts import split_with

if TYPE_CHECKING:
    from collections.abc import Sequence

SPARKS_HASH, HIVES_HASH = "spark-hash-1", "hive-hash-1"
"""How a fingerprint was made: its first word. What changes the sums changes it, or old data seems to have moved."""
_PRIME = 2**31 - 1
_UNHASHABLE = ("variant", "geography", "geometry")


def within(statement: str, selected: str) -> str:
    """Return a statement that selects from a query.

    Args:
        statement: One SELECT.
        selected: Expressions over its columns.
    """
    definitions, select = split_with(statement)
    return f"{definitions}SELECT {selected} FROM (\n{select}\n) AS verbatim_rows"  # noqa: S608  (the query is one SELECT that pinning has parsed)


def export(statement: str, directory: str) -> str:
    """Return a statement by which the server writes a query's rows as Parquet files.

    Args:
        statement: One SELECT.
        directory: A URI without quotes and backslashes.
    """
    definitions, select = split_with(statement)
    return f"{definitions}INSERT OVERWRITE DIRECTORY '{directory}' STORED AS PARQUET\n{select}"


def fingerprint(statement: str, columns: Sequence[tuple[str, str]], *, is_spark: bool) -> str:
    """Return a statement of one row: how many rows a query has, and two sums over them that know no order.

    Both servers have ``hash``. Hive's is linear: rows that swap a value have the same sum, but another of squares.
    Spark's passes over nulls, and to Hive's they are 0 and the empty text; so each column's being null is hashed, too.
    Both sums stay within a bigint up to four billion rows.

    Args:
        statement: One SELECT.
        columns: Name and type of each of its columns.
        is_spark: Spark hashes no maps, and passes over nulls within others, but their JSON has them.
    """
    hashed = ", ".join(
        f"{_as_json(name) if is_spark and '<' in kind else quoted(name)}, {quoted(name)} IS NULL"
        for name, kind in columns
    )
    rows = within(statement, f"CAST(hash({hashed}) AS BIGINT) AS h")
    definitions, select = split_with(rows)
    sums = f"count(*), sum(h), sum(pmod(h * h, {_PRIME}))"
    return f"{definitions}SELECT {sums} FROM (\n{select}\n) AS verbatim_hashes"  # noqa: S608  (as above)


def can_be_hashed(columns: Sequence[tuple[str, str]]) -> bool:
    """Return whether ``fingerprint`` can be asked for columns of these names and types."""
    return not any(word in kind.lower() for _, kind in columns for word in _UNHASHABLE)


def columns_digest(columns: Sequence[tuple[str, str]]) -> str:
    """Return a short digest of names and types."""
    return hashlib.sha256(repr([tuple(column) for column in columns]).encode()).hexdigest()[:16]


def _as_json(name: str) -> str:
    """Return Spark's expression for a nested column as text of which nothing is lost."""
    form = "yyyy-MM-dd HH:mm:ss.SSSSSS"
    options = f"map('timestampFormat', '{form}', 'timestampNTZFormat', '{form}', 'ignoreNullFields', 'false')"
    return f"to_json({quoted(name)}, {options})"


def quoted(name: str) -> str:
    """Return a column's name as it is written in a statement."""
    return "`" + name.replace("`", "``") + "`"
