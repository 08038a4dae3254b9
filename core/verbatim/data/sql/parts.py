"""The two parts of a query with WITH, as they were written: some servers take WITH at a statement's beginning alone."""

from __future__ import annotations

import re

from verbatim.data.sql.scan import scan


def split_with(statement: str) -> tuple[str, str]:
    """Return what WITH defines, and the SELECT that uses it; the one after the other is the statement again.

    Nothing is written anew: a literal that is spelled otherwise may be another one to the server.

    Args:
        statement: For Hive, as ``bind_query`` returns it, or the same wrapped.

    Returns:
        WITH and its definitions, empty where the statement has none, and the rest.
    """
    before, depth = "", 0
    for span in scan(statement, "hive"):
        words = re.finditer(r"\w+|\S", span.text) if span.kind == "code" else ()
        for word in words:
            here = word[0].lower()
            if not before and here != "with":
                return "", statement
            if depth == 0 and (here == "select" or (here == "(" and before == ")")):
                place = span.start + word.start()
                return statement[:place], statement[place:]
            depth += {"(": 1, ")": -1}.get(here, 0)
            before = here
        if span.kind in {"text", "name"}:
            before = span.kind
    return "", statement
