"""What Python source imports, as read from scripts and notebooks. Reads source and imports nothing.

An import inside ``try`` that the code can do without is left out, as is what only type checkers see.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_SOURCE_BYTES = 50 * 1024**2
_MAX_NAME_BYTES = 255
"""Of a file's name, in Linux; a longer text names none."""

_MAX_TEXT_CHARS = 500
_MAGIC = re.compile(r"^\s*([%!?]|[\w.]+\?\s*$)")
_ASSIGNED_MAGIC = re.compile(r"^(\s*)[\w, ]+=\s*[%!].*$")
_CELLS_OF_OTHER_LANGUAGES = re.compile(r"^%%(?!time\b|timeit\b|capture\b|prun\b|memit\b)")
_PIP_INSTALL = re.compile(r"(?:^|[\s;&!%/}])pip3?\s+install\s+(?P<arguments>(?:(?!&&|\|\||;\s)[^\n])+)")
_LOADS_EXTENSION = re.compile(r"^\s*%(?:load|reload)_ext\s+(?P<module>[\w.]+)")
_EXTENSIONS_OF_IPYTHON = frozenset({"autoreload", "storemagic"})
_RUNS_COMMANDS = frozenset({
    "call", "check_call", "check_output", "getoutput", "getstatusoutput", "popen", "Popen", "run", "system",
})  # fmt: skip
_PLAIN_IMPORT = re.compile(
    r"^(?:from\s+(?P<whole>[\w.]+)\s+import\s+(?P<name>\w+)|import\s+(?P<module>[\w.]+))", re.MULTILINE
)
_OPTIONS_WITH_VALUE = frozenset({
    "-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-t", "--target", "-i", "--index-url",
    "--extra-index-url", "-f", "--find-links", "--trusted-host", "--proxy", "--timeout", "--root", "--prefix",
})  # fmt: skip


@dataclass
class Source:
    """What one file, or one cell, says.

    Attributes:
        modules: Modules that it cannot do without, dotted; of ``from a import b``, ``a.b``.
        relative: Relative imports: how many dots, and what follows them.
        names: Attributes and imported names that occur.
        texts: String constants that may be the name of a file.
        installs: Requirements that it installs by pip as it runs.
        runs_pip: Whether it runs ``pip install`` at all.
    """

    modules: set[str] = field(default_factory=set)
    relative: set[tuple[int, str]] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    installs: list[str] = field(default_factory=list)
    runs_pip: bool = False


def read_source(file: Path) -> Source:
    """Return what a script or notebook says; nothing if it cannot be read as one."""
    try:
        if file.stat().st_size > MAX_SOURCE_BYTES:
            return Source()
        content = file.read_bytes()
    except OSError:
        return Source()
    return _read_notebook(content) if file.suffix == ".ipynb" else read_code(content)


def read_code(code: str | bytes) -> Source:
    """Return what Python code says; of code that this Python cannot parse, its plain imports."""
    found = Source()
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = code if isinstance(code, str) else code.decode(errors="replace")
        if not re.search(r"^\s*print\s+[\"'\w]", text, re.MULTILINE):  # Python 2 would not run either
            matches = _PLAIN_IMPORT.finditer(text)
            found.modules.update(match["module"] or f"{match['whole']}.{match['name']}" for match in matches)
        return found
    _visit(tree, found)
    return found


def _read_notebook(content: bytes) -> Source:
    found = Source()
    try:
        cells = json.loads(content)["cells"]
        codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return found
    python = [code for code in codes if not _CELLS_OF_OTHER_LANGUAGES.match(code.lstrip())]
    for line in (line for code in codes for line in code.splitlines()):
        if _MAGIC.match(line):
            _add_installs(line, found)
            _add_extension(line, found)
    for cell in map(read_code, map(_without_magics, python)):
        for name in ("modules", "relative", "names", "texts"):
            getattr(found, name).update(getattr(cell, name))
        found.installs.extend(cell.installs)
        found.runs_pip |= cell.runs_pip
    return found


def _without_magics(code: str) -> str:
    lines = (_ASSIGNED_MAGIC.sub(r"\1pass", line) for line in code.splitlines())
    return "\n".join(re.sub(r"\S.*", "pass", line) if _MAGIC.match(line) else line for line in lines)


def _visit(node: ast.AST, found: Source) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Try) and _is_optional(child):
            fallback = [] if _imports_only_stdlib(child.body) else [part for h in child.handlers for part in h.body]
            _visit(ast.Module([*fallback, *child.orelse, *child.finalbody], []), found)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            _visit(ast.Module(child.orelse, []), found)
        else:
            _note(child, found)
            _visit(child, found)


def _note(node: ast.AST, found: Source) -> None:
    if isinstance(node, ast.Import):
        found.modules.update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        found.names.update(alias.name for alias in node.names)
        dotted = [".".join(filter(None, (node.module, alias.name))) for alias in node.names]
        if node.level:
            found.relative.update((node.level, name) for name in dotted)
        else:
            found.modules.update(dotted)
    elif isinstance(node, ast.Attribute):
        found.names.add(node.attr)
    elif isinstance(node, ast.Name):
        found.names.add(node.id)
    elif isinstance(node, ast.List | ast.Tuple):
        _add_listed_installs(node, found)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) <= _MAX_TEXT_CHARS:
        if len(node.value.encode(errors="replace")) <= _MAX_NAME_BYTES:
            found.texts.add(node.value)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _RUNS_COMMANDS:
        for argument in node.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                _add_installs(argument.value, found)


def _is_optional(node: ast.Try) -> bool:
    """Return whether the code goes on when what ``try`` imports is not there."""
    for handler in node.handlers:
        caught = ast.unparse(handler.type) if handler.type else "Exception"
        by_name = "ImportError" in caught or "ModuleNotFoundError" in caught
        if by_name or ("Exception" in caught and all(isinstance(part, _IMPORTING) for part in node.body)):
            return not any(_ends(part) for part in handler.body)
    return False


_IMPORTING = (ast.Import, ast.ImportFrom, ast.Assign)


def _ends(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        return True
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func) in {"exit", "quit", "sys.exit", "os._exit"}


def _imports_only_stdlib(body: Iterable[ast.stmt]) -> bool:
    inside = Source()
    _visit(ast.Module(list(body), []), inside)
    return all(module.partition(".")[0] in sys.stdlib_module_names for module in inside.modules)


def _add_installs(line: str, found: Source) -> None:
    for match in _PIP_INSTALL.finditer(line):
        found.runs_pip = True
        try:
            found.installs.extend(_requirements_in(shlex.split(match["arguments"], comments=True)))
        except ValueError:
            continue


def _add_extension(line: str, found: Source) -> None:
    loaded = _LOADS_EXTENSION.match(line)
    if loaded and loaded["module"] not in _EXTENSIONS_OF_IPYTHON:
        found.modules.add(loaded["module"])


def _add_listed_installs(node: ast.List | ast.Tuple, found: Source) -> None:
    words = [part.value if isinstance(part, ast.Constant) else None for part in node.elts]
    for index in range(len(words) - 1):
        if words[index] in {"pip", "pip3"} and words[index + 1] == "install":
            found.runs_pip = True
            found.installs.extend(_requirements_in([word for word in words[index + 2 :] if isinstance(word, str)]))
            return


def _requirements_in(words: list[str]) -> Iterator[str]:
    """Return the requirements among pip's arguments; files, directories and what only the run knows are none."""
    skip = False
    for word in words:
        if re.match(r"[|;&>]|2>", word):  # the end of the command
            return
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _OPTIONS_WITH_VALUE
        elif not re.search(r"[{}$*]|^[./~]|\.whl$|^(pip|setuptools|wheel)$", word):
            yield word.rstrip(";")
