"""Finds out what a project is: how it is started, what it depends on, which interpreter it demands.

The same detectors as prepare's, each asked for itself, so that a problem of one hides nothing of the rest. Nothing of
the project is run, and nothing is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from packaging.specifiers import SpecifierSet

from verbatim.errors import UserFault
from verbatim.inspection import FoundDependencies, FoundPython, Inspection
from verbatim.stage import Entry, StageError
from verbatim_runner.entry import find_entry
from verbatim_runner.environment.declared import find_declaration, find_python, find_system_packages
from verbatim_runner.environment.interpreters import available_interpreters
from verbatim_runner.project import Project
from verbatim_runner.sources.code import store_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from verbatim_runner.stage_context import StageContext

T = TypeVar("T")
_UNKNOWN = Entry(argv=(), appends_parameters=False, found_by="nothing")
"""Dependencies are read of a project that nothing starts, too: of all its sources."""


def inspect_project(context: StageContext) -> Inspection:
    """Return what the code of a prepare request is found to be.

    Raises:
        UserFault: The code is not there.
        PlatformFault: It cannot be fetched.
    """
    code = store_code(context)
    project = Project.lay_out(context, code)
    problems: list[StageError] = []

    def asked(detect: Callable[[], T]) -> T | None:
        try:
            return detect()
        except UserFault as fault:
            problems.append(StageError.of(fault))
            return None

    entry = asked(lambda: find_entry(project))
    dependencies = asked(lambda: _dependencies(context, project, entry or _UNKNOWN))
    python = asked(lambda: _python(context, project, entry or _UNKNOWN))
    system_packages = asked(lambda: find_system_packages(project))
    return Inspection(
        pinned=context.request.spec.code, code=code, entry=entry, dependencies=dependencies, python=python,
        system_packages=system_packages, warnings=tuple(context.warnings), problems=tuple(problems),
    )  # fmt: skip


def _dependencies(context: StageContext, project: Project, entry: Entry) -> FoundDependencies:
    declaration = find_declaration(project, entry)
    context.warnings.extend(declaration.notices)
    return FoundDependencies(
        declared_by=declaration.declared_by,
        requirements=declaration.requirements,
        locked=declaration.locked is not None,
        local=declaration.local,
        added=declaration.added,
    )


def _python(context: StageContext, project: Project, entry: Entry) -> FoundPython:
    demand = find_python(project, entry)
    here = [interpreter.version for interpreter in available_interpreters(context)]
    if demand is None:
        return FoundPython(version=here[0])
    context.warnings.extend(demand.notices)
    demanded = SpecifierSet(demand.specifier)
    fitting = next((version for version in here if demanded.contains(version, prereleases=True)), None)
    return FoundPython(demanded=demand.specifier, declared_by=demand.declared_by, version=fitting)
