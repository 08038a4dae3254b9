"""Dependencies of a project that declares none, and those that its declaration forgot: what its source imports.

Reads source and imports nothing.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from verbatim_runner.environment.declared.requirements import other_files
from verbatim_runner.environment.declared.requirements_file import name_in
from verbatim_runner.environment.declared.started import StartedSources
from verbatim_runner.environment.distributions import (
    is_known,
    providers_of,
    requirement_of,
)
from verbatim_runner.environment.implied import IMPLIED_BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verbatim.stage import Entry
    from verbatim_runner.environment.declared.interface import Declaration
    from verbatim_runner.project import Project

_LOCKED_NAME = re.compile(r"^([A-Za-z0-9][\w.-]*)", re.MULTILINE)
_DISTUTILS = "setuptools ; python_version >= '3.12'"
_BACKENDS_OF_KERAS = frozenset({"tensorflow", "torch", "jax"})


def is_about(declaration: Declaration, project: Project, entry: Entry) -> bool:
    """Return whether a declaration names something that training imports."""
    modules = filter(_is_foreign, StartedSources(project, entry).modules)
    declared = _declared_names(declaration, project)
    return any(providers_of(module) & declared for module in modules)


def complete(declaration: Declaration, project: Project, entry: Entry) -> Declaration:
    """Return a declaration with what starting training needs, and what training imports, and it does not name.

    Where a project declares something, only modules whose distribution is known are added: one that is not may well
    come with what it declares.
    """
    started = StartedSources(project, entry, declaration.local)
    if declaration.declared_by == "imports":
        declaration = _all_of(started, declaration, project)
    declared = _declared_names(declaration, project)
    added = [name for name in entry.requires if _name(name) not in declared]
    if declaration.declared_by != "imports":
        declared |= _names(added)
        installed = [line for line in _installed(started) if _name(line) not in declared]
        missing = _missing(started, declared | _names(installed), certain_alone=True)
        added = [*added, *_sorted({*installed, *missing})]
    local = tuple(dict.fromkeys([*declaration.local, *started.roots_above]))
    return replace(declaration, added=tuple(dict.fromkeys(added)), local=local)


def _all_of(started: StartedSources, declaration: Declaration, project: Project) -> Declaration:
    """Return the distributions of all modules that training imports and the project does not contain."""
    installed = _installed(started)
    found = _missing(started, _names(installed), certain_alone=False)
    seen = [file.relative_to(project.directory).as_posix() for file in other_files(project.directory)]
    notice = f"there is no requirements.txt, and which of {', '.join(seen)} is meant cannot be told: none was read"
    return replace(declaration, requirements=_sorted({*installed, *found}), notices=(notice,) if seen else ())


def _missing(started: StartedSources, declared: frozenset[str], *, certain_alone: bool) -> set[str]:
    """Return requirements for the modules that none of the declared distributions provides."""
    modules = {module for module in started.modules if _is_foreign(module)}
    if certain_alone:
        modules = {module for module in modules if is_known(module)}
    found = {
        requirement
        for module in modules
        if not providers_of(module) & declared
        if (requirement := requirement_of(module))
    }
    if any(module.partition(".")[0] == "distutils" for module in started.modules) and "setuptools" not in declared:
        found.add(_DISTUTILS)
    return found | set(_implied(started, declared | _names(found)))


def _implied(started: StartedSources, declared: frozenset[str]) -> Iterator[str]:
    """Return what the libraries in use import only when they need it."""
    tops = {module.partition(".")[0] for module in started.modules}
    for source in started.sources:
        for library, by_name in IMPLIED_BY_NAME.items():
            if any(module.partition(".")[0] == library for module in source.modules):
                wanted = (by_name[name] for name in source.names & by_name.keys())
                yield from (name for name in wanted if _name(name) not in declared)
        if (
            any(module.startswith("torch.utils.tensorboard") for module in source.modules)
            and "tensorboard" not in declared
        ):
            yield "tensorboard"
    if "keras" in tops and not (tops | declared) & _BACKENDS_OF_KERAS and not declared & providers_of("tensorflow"):
        yield "tensorflow"
    if any(source.runs_pip for source in started.sources) and "pip" not in declared:
        yield "pip"


def _installed(started: StartedSources) -> list[str]:
    """Return what the code installs as it runs; of one package that it installs twice, the later."""
    return list({_name(line) or line: line for source in started.sources for line in source.installs}.values())


def _is_foreign(module: str) -> bool:
    top = module.partition(".")[0]
    return top not in sys.stdlib_module_names


def _declared_names(declaration: Declaration, project: Project) -> frozenset[str]:
    names = _names([*declaration.requirements, *declaration.constraints])
    if declaration.locked is not None:
        names |= frozenset(map(canonicalize_name, _LOCKED_NAME.findall(declaration.locked)))
    for file in declaration.files:  # what only a build backend can read: any word of it may be a name
        words = re.findall(
            r"[A-Za-z0-9][\w.-]*", (project.directory / file).read_text(encoding="utf-8", errors="replace")
        )
        names |= frozenset(map(canonicalize_name, words))
    return names


def _names(requirements: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, map(_name, requirements)))


def _name(requirement: str) -> str | None:
    name = name_in(requirement)
    return canonicalize_name(name) if name else None


def _sorted(requirements: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(requirements, key=str.lower))
