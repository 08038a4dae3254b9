"""What a query may be: one SELECT that only reads tables, as far as its text can tell.

What a login may do is the server's to say; these rules keep a conf from asking for more by what looks like a query.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from verbatim.data.templates import position
from verbatim.problems import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

    from verbatim.data.sql.scan import Dialect

_FORBIDDEN = (
    "Alter", "Analyze", "Attach", "Block", "Cache", "Command", "Comment", "Commit", "Copy", "Create", "Declare",
    "Delete", "Describe", "Detach", "Directory", "Drop", "Execute", "Export", "Grant", "Insert", "Into", "Kill",
    "LoadData", "Lock", "Merge", "MultitableInserts", "Parameter", "Placeholder", "Pragma", "QueryTransform", "Refresh",
    "Revoke", "Rollback", "SessionParameter", "Set", "Show", "Transaction", "TruncateTable", "Uncache", "Update", "Use",
)  # fmt: skip
"""Of sqlglot's expressions: what is no SELECT, at any depth."""

_FUNCTIONS: dict[Dialect, str] = {
    "hive": r"reflect2?|try_reflect|java_method|in_file|identifier|read_files|exec\w*",
    "postgres": r"pg_(read|ls|stat|file|logical|replication|create|drop|advisory|try_advisory|sleep|terminate|cancel|"
    r"reload|rotate|switch|promote|backup|start|stop|wal|notify|export|import|log|copy|hibernate)\w*|lo_\w+|lo(read|write)|"
    r"dblink\w*|(query|table|schema|database|cursor)_to_xml\w*|set_config|nextval|setval|currval|ts_stat|ts_rewrite|"
    r"plpy\w*|postgres_fdw_\w+|file_fdw\w*|crosstab\w*|connectby\w*",
    "mysql": r"load_file|sleep|benchmark|(get|release|is_free|is_used)_\w*locks?|release_all_locks|\w*_pos_wait|"
    r"wait_\w+|sys_(exec|eval|get|set)|last_insert_id|setval|nextval",
    "sqlite": r"load_extension|readfile|writefile|edit|fts3_tokenizer|fsdir|zipfile|lsdir|shell|exec\w*",
}
"""Functions that run programs or other queries, read or write files, hold locks or wait."""

_FILE_FORMATS = frozenset(
    ("avro", "binaryfile", "csv", "delta", "image", "jdbc", "json", "libsvm", "orc", "parquet", "text", "xml")
)


def token_problems(text: str, tokens: Sequence[Token], dialect: Dialect, field: str) -> Iterator[Problem]:
    """Yield what the words of a query tell."""
    from sqlglot.tokenizer_core import TokenType  # noqa: PLC0415 - takes time to load

    for token, after in zip_longest(tokens, tokens[1:]):
        word = text[token.start : token.end + 1].lower()
        called = after is not None and after.token_type == TokenType.L_PAREN
        expected = None
        if called and re.fullmatch(_FUNCTIONS[dialect], token.text.lower()):
            expected = "no function that runs programs or queries, reads files, locks or waits"
        elif word in {"into", "overwrite"}:
            expected = "a SELECT that only reads; a column of this name is written in quotes"
        elif word == "using" and after is not None and after.token_type == TokenType.STRING:
            expected = "a SELECT without TRANSFORM … USING, which runs a program on the server"
        elif word in {"select", "from", ","} and after is not None and after.token_type == TokenType.FROM:
            expected = "a name before and after FROM; servers differ in whether FROM is then one itself"
        elif token.token_type == TokenType.SEMICOLON:
            expected = "one SELECT, so no second statement"
        if expected:
            got = f"{shown(text[token.start : token.start + 40])} at {position(text, token.start)}"
            yield Problem(field=field, expected=expected, got=got)
    first = tokens[0].text if tokens else ""
    if first.lower() not in {"select", "with", "("}:
        yield Problem(field=field, expected="one SELECT, which begins with SELECT or WITH", got=shown(first))


def tree_problems(tree: exp.Expr, dialect: Dialect, field: str) -> Iterator[Problem]:
    """Yield what a parsed query does that no SELECT may do."""
    from sqlglot import exp  # noqa: PLC0415 - takes time to load

    if not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery):
        yield Problem(field=field, expected="one SELECT", got=tree.key.upper())
    forbidden = tuple(getattr(exp, name) for name in _FORBIDDEN)
    for node in tree.find_all(*forbidden):
        yield Problem(field=field, expected="a SELECT that only reads, at every depth", got=f"{node.key.upper()} in it")
    for common in tree.find_all(exp.CTE):
        if not isinstance(common.this, exp.Query | exp.Values):
            yield Problem(field=field, expected="a SELECT in every part of WITH", got=common.this.key.upper())
    for table in tree.find_all(exp.Table):
        named = isinstance(table.this, exp.Identifier)
        if named and (not re.fullmatch(r"[\w $-]+", table.name) or _is_a_file(table, dialect)):
            yield Problem(field=field, expected="a table's name; files and values are none", got=shown(table.name))


def tables_of(tree: exp.Expr) -> tuple[str, ...]:
    """Return the tables that a query reads, as it names them, sorted; what WITH defines is none."""
    from sqlglot import exp  # noqa: PLC0415 - takes time to load

    named = [table for table in tree.find_all(exp.Table) if isinstance(table.this, exp.Identifier)]
    return tuple(sorted({_full_name(table) for table in named if not table.find_ancestor(exp.Hint)} - {""}))


def bounds_rows(literal: exp.Expr) -> bool:
    """Return whether a value stands where it says which rows are read: in a condition, or the version of a table."""
    from sqlglot import exp  # noqa: PLC0415 - takes time to load

    conditions = (exp.Where, exp.Having, exp.Qualify, exp.Join, exp.Version)
    return isinstance(literal.find_ancestor(exp.Query, *conditions), conditions)


def is_ordered(tree: exp.Expr) -> bool:
    """Return whether a query says in which order its rows come."""
    return tree.args.get("order") is not None or (tree.key == "subquery" and is_ordered(tree.this))


def _is_a_file(table: exp.Table, dialect: Dialect) -> bool:
    """Return whether Spark would read a file or directory: ``FROM parquet.`name```, or by the name of a class."""
    return dialect == "hive" and (table.db.lower() in _FILE_FORMATS or "." in table.db)


def _full_name(table: exp.Table) -> str:
    return "" if _is_common(table) else ".".join(part.name for part in table.parts)


def _is_common(table: exp.Table) -> bool:
    """Return whether a name is one of WITH's: of the parts before it, or of all once WITH is over."""
    from sqlglot import exp  # noqa: PLC0415 - takes time to load

    if table.db:
        return False
    inside: exp.Expr = table
    while (outer := inside.parent) is not None:
        if isinstance(outer, exp.With):
            parts, own = outer.expressions, next(n for n, part in enumerate(outer.expressions) if part is inside)
            visible = parts[: own + 1] if outer.recursive else parts[:own]
        else:
            within = outer.args.get("with_")
            visible = within.expressions if within is not None and within is not inside else []
        if any(part.alias.lower() == table.name.lower() for part in visible):
            return True
        inside = outer
    return False
