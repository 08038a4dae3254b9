"""Dependencies of a project that declares none: the modules that its source imports.

Reads source and imports nothing. An import inside ``try`` is one that the project can do without, and is left out, as
is what only type checkers see, and what only tests import.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.interface import Declaration
from verbatim_runner.environment.distributions import IMPLIED_BY_ATTRIBUTE, distribution_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from verbatim.stage import Entry

_NOT_TRAINING = frozenset({"tests", "test", "docs", "node_modules", "site-packages"})
_NOT_TRAINING_FILES = frozenset({"setup.py", "conftest.py", "noxfile.py"})


def detect(project: Path, root: Path, _entry: Entry) -> Declaration:
    """Return the distributions of all modules that the project imports and does not contain."""
    files = sorted(_sources(project))
    distributions: set[str] = set()
    for file in files:
        local = _modules_in(project) | _modules_in(project / "src") | _modules_in(root) | _beside(file)
        for module in _imports(file):
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names and top not in local:
                distributions.add(distribution_of(module))
    found = tuple(sorted(distributions, key=str.lower))
    return Declaration(declared_by="imports", requirements=found)


def _sources(project: Path) -> Iterator[Path]:
    for path in project.rglob("*.py"):
        inside = path.relative_to(project)
        ignored = any(part in _NOT_TRAINING or part.startswith(".") for part in inside.parts[:-1])
        if not ignored and path.name not in _NOT_TRAINING_FILES and not path.name.startswith("test_"):
            yield path


def _modules_in(directory: Path) -> set[str]:
    """Return the names that ``import`` finds in a directory: modules, packages, directories with modules in them."""
    if not directory.is_dir():
        return set()
    packages = {path.name for path in directory.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    return packages | {path.stem for path in directory.glob("*.py")}


def _beside(file: Path) -> set[str]:
    """Return the modules beside a script; those beside a package's module are not importable by their bare names."""
    return set() if (file.parent / "__init__.py").exists() else _modules_in(file.parent)


def _imports(file: Path) -> set[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()  # not of this Python: it would not run either
    modules: set[str] = set()
    attributes: set[str] = set()
    _visit(tree, modules, attributes)
    implied = {IMPLIED_BY_ATTRIBUTE[name] for name in attributes & IMPLIED_BY_ATTRIBUTE.keys()}
    return modules | (implied if "pandas" in {module.partition(".")[0] for module in modules} else set())


def _visit(node: ast.AST, modules: set[str], attributes: set[str]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Try) and any(_catches_import_error(handler) for handler in child.handlers):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(child, ast.Import):
            modules.update(alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
            modules.update(f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.Attribute):
            attributes.add(child.attr)
        _visit(child, modules, attributes)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "Exception"
    return any(name in caught for name in ("ImportError", "ModuleNotFoundError", "Exception"))
