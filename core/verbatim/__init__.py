"""Verbatim's shared language: the documents that stages exchange, the store and the catalog.

Everything else (operators, runner, CLI, plugin) imports this package; it imports none of them.
"""

from __future__ import annotations

__version__ = "0.1.0"
