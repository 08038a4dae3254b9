"""How the name of a channel or parameter becomes part of a variable's name."""

from __future__ import annotations


def folded(name: str) -> str:
    """Return a name in upper case, with ``_`` for all but ASCII letters and digits: any shell can read it."""
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name).upper()


def can_be_named(name: str) -> bool:
    """Return whether a variable's name may hold this one as it is written."""
    return "=" not in name and "\0" not in name
