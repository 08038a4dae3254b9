"""Which of a project's sources take part in training: what is started, and what that imports locally.

Reads files and runs nothing. Where that cannot be told (nothing named is a file, or modules are loaded by name as the
code runs), it is all sources of the project but tests and documentation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from verbatim_runner.environment.declared.sources import Source, read_code, read_source
from verbatim_runner.environment.distributions import MODULES_OF_COMMANDS, is_known
from verbatim_runner.local_packages import read_local_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from verbatim.stage import Entry
    from verbatim_runner.project import Project

_NOT_TRAINING = frozenset({"tests", "test", "docs", "node_modules", "site-packages", "venv"})
_NOT_TRAINING_FILES = frozenset({"setup.py", "conftest.py", "noxfile.py"})
_FILE = re.compile(r"[\w./-]+\.(?:py|ipynb|sh)\b")
_RUN_BY_PYTHON = re.compile(r"(?:^|[\s/])python[\d.]*(?:\s+-[a-zA-Z]\b)*\s+(?P<file>[\w./-]+)")
_SHEBANG = re.compile(rb"#!.*\bpython")
_SHEBANG_BYTES = 256
_MODULE = re.compile(r"(?:^|\s)-m\s+([\w.]+)")
_LOADS_BY_NAME = frozenset({"import_module", "__import__", "instantiate", "run_module", "run_path", "LightningCLI"})
_OTHER_LANGUAGES = frozenset({"Rscript", "R", "julia", "java"})
_MAX_FILES = 5000


class StartedSources:
    """The sources that take part, read.

    Args:
        project: The project.
        entry: How training is started.
        local: Directories of packages that lie in the code, seen from its root.

    Attributes:
        sources: What they say.
        modules: Modules that they import and the project does not contain.
        roots_above: Directories above the project, seen from the root of the code, from which they import.
    """

    def __init__(self, project: Project, entry: Entry, local: Iterable[str] = ()) -> None:
        self._project = project
        self._above = _places_above(project)
        self._places = [project.directory, project.directory / "src", *_import_roots(project, local), *self._above]
        self._read: dict[Path, Source] = {}
        self.sources: list[Source] = []
        self.modules: set[str] = set()
        self.roots_above: dict[str, None] = {}
        if entry.argv and entry.argv[0] in _OTHER_LANGUAGES:
            return
        started = self._follow_entry(entry)
        if not started or any(_LOADS_BY_NAME & source.names or _runs_entry_points(source) for source in self.sources):
            for file in _all_sources(project.directory):
                self._follow(file)

    def _follow_entry(self, entry: Entry) -> bool:
        """Follow what the command names; return whether that was anything."""
        words = " ".join(entry.argv)
        files = [
            *self._files_named(words),
            *([self._project.directory / self._project.file] if self._project.file else []),
        ]
        scripts = [file for file in files if file.suffix == ".sh"]
        for script in scripts:
            text = script.read_text(encoding="utf-8", errors="replace")
            words += " " + " ".join(line.partition("#")[0] for line in text.splitlines())
            files += self._files_named(words)
        sources = [file for file in dict.fromkeys(files) if file.suffix != ".sh"]
        for file in sources:
            self._follow(file)
        if entry.argv and entry.argv[0] in MODULES_OF_COMMANDS:
            self.modules.add(MODULES_OF_COMMANDS[entry.argv[0]])
        modules = _MODULE.findall(words)
        for module in modules:
            self._import(module, self._project.directory)
            self._import(f"{module}.__main__", self._project.directory)
        code = entry.argv[2] if entry.argv[1:2] == ("-c",) and entry.argv[0].startswith("python") else None
        if code is not None:
            self._take(read_code(code), self._project.directory, package=None)
        return bool(sources or modules or code)

    def _files_named(self, words: str) -> list[Path]:
        """Return the files that a command names: by their suffix, as what Python runs, or by their first line."""
        by_name = dict.fromkeys([*_FILE.findall(words), *_RUN_BY_PYTHON.findall(words)])
        files = [self._project.directory / name.lstrip("/") for name in by_name]
        others = [self._project.directory / word for word in words.split() if not word.startswith(("/", "-"))]
        ours = dict.fromkeys(file for file in (*files, *others) if self._is_ours(file))
        return [file for file in ours if file in files or _has_shebang(file)]

    def _is_ours(self, file: Path) -> bool:
        try:
            return file.is_file() and file.resolve().is_relative_to(self._project.root.resolve())
        except OSError:  # no name that a file can have
            return False

    def _follow(self, file: Path) -> None:
        file = file.resolve()
        if file in self._read or len(self._read) >= _MAX_FILES:
            return
        self._read[file] = source = read_source(file)
        self._take(source, file.parent, file.parent if (file.parent / "__init__.py").exists() else None)

    def _take(self, source: Source, beside: Path, package: Path | None) -> None:
        self.sources.append(source)
        if "path" in source.names and "sys" in source.modules:
            self._places += [place for text in source.texts for place in self._directories(text, beside)]
        for module in sorted(source.modules):
            self._import(module, None if package else beside)
        for level, name in sorted(source.relative):
            start = beside
            for _ in range(level - 1):
                start = start.parent
            self._find(name, [start])
        for text in sorted(source.texts):
            if text.endswith((".py", ".ipynb")):
                for named in (beside / text.lstrip("/"), self._project.directory / text.lstrip("/")):
                    if self._is_ours(named):
                        self._follow(named)

    def _directories(self, text: str, beside: Path) -> Iterator[Path]:
        if not text.strip("/ ") or "\0" in text:
            return
        for start in (beside, self._project.directory):
            place = start / text.lstrip("/")
            if (
                place not in self._places
                and place.is_dir()
                and place.resolve().is_relative_to(self._project.root.resolve())
            ):
                yield place

    def _import(self, module: str, beside: Path | None) -> None:
        """Follow a module if it is the project's; else note it."""
        if not self._find(module, [beside, *self._places] if beside else self._places):
            self.modules.add(module)

    def _find(self, module: str, places: Iterable[Path]) -> bool:
        """Follow every file that importing a dotted name would load from the first place that has its first part."""
        parts = module.split(".")
        for place in places:
            above = place in self._above
            if not _has_module(place, parts[0], above=above):
                continue
            if above:
                self.roots_above[place.relative_to(self._project.root).as_posix()] = None
            here = place
            for part in parts:
                for file in (here / f"{part}.py", here / part / "__init__.py"):
                    if self._is_ours(file):
                        self._follow(file)
                here = here / part
            return True
        return False


def _places_above(project: Project) -> list[Path]:
    """Return where a project in a subdirectory may import from above it, the nearest first."""
    inside = project.directory.relative_to(project.root).parts
    above = [project.root.joinpath(*inside[:depth]) for depth in reversed(range(len(inside)))]
    return [place for directory in above for place in (directory, directory / "src")]


def _import_roots(project: Project, local: Iterable[str]) -> list[Path]:
    found = [read_local_package(project.root / directory, project.root) for directory in local]
    return [root for package in found if package for root in package.import_roots]


def _has_module(place: Path, name: str, *, above: bool) -> bool:
    """Return whether ``import name`` finds something in a place.

    A directory without ``__init__.py`` gives way to an installed distribution; so does, for a project in a
    subdirectory, what lies above it: a library beside its examples may have to be built first.
    """
    if not name or (above and is_known(name)):
        return False
    if (place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file():
        return True
    namespace = place / name
    return not is_known(name) and namespace.is_dir() and any(namespace.rglob("*.py"))


def _has_shebang(file: Path) -> bool:
    with file.open("rb") as content:
        return _SHEBANG.match(content.readline(_SHEBANG_BYTES)) is not None


def _runs_entry_points(source: Source) -> bool:
    return any(name in source.modules for name in ("mlflow.projects", "mlflow.run")) or (
        "mlflow" in source.modules and "run" in source.names
    )


def _all_sources(directory: Path) -> list[Path]:
    """Return the scripts that are there; where there are none, the notebooks."""
    for suffix in (".py", ".ipynb"):
        if found := sorted(path for path in directory.rglob(f"*{suffix}") if _is_training(path, directory)):
            return found
    return []


def _is_training(path: Path, directory: Path) -> bool:
    inside = path.relative_to(directory).parts[:-1]
    ignored = any(part in _NOT_TRAINING or part.startswith(".") for part in inside)
    return not ignored and path.name not in _NOT_TRAINING_FILES and not path.name.startswith("test_")
