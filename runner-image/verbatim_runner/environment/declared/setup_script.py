"""Reads what a ``setup.py`` requires where it is written out, so that the script need not be run to know."""

from __future__ import annotations

import ast


def read_install_requires(code: str) -> list[str] | None:
    """Return the requirements that a setup script writes out as text; None if it makes them in another way.

    Args:
        code: The script.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setup")]
    values = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "install_requires"]
    if len(values) != 1:
        return None
    value = values[0]
    if isinstance(value, ast.Name):
        assigned = [part.value for part in tree.body if isinstance(part, ast.Assign) and _is_of(part, value.id)]
        mentioned = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == value.id]
        if len(assigned) != 1 or len(mentioned) != 2:  # else it may have been added to
            return None
        value = assigned[0]
    if not isinstance(value, ast.List | ast.Tuple):
        return None
    lines = [part.value for part in value.elts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return lines if len(lines) == len(value.elts) else None


def _is_of(node: ast.Assign, name: str) -> bool:
    return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
