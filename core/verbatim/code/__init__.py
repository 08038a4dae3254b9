"""Code sources: what ``code.url`` may name. Each kind is one module, which tells what is its own and pins it.

A git repository is pinned to a commit, which prepare fetches. All the rest is read here and now, on the worker, and
kept as one blob: a directory, an archive, a notebook or script. Nothing of it is run, nor is any filter, hook or
configuration of it obeyed.
"""

from __future__ import annotations

from verbatim.code.kinds import pin_code

__all__ = ["pin_code"]
