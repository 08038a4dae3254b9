"""prepare: the code as a blob, how it is started, and its environment, locked and built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.stage import PrepareOutputs
from verbatim_runner.entry import find_entry
from verbatim_runner.environment.declared import find_system_packages
from verbatim_runner.environment.provide import provide_environment
from verbatim_runner.project import Project
from verbatim_runner.sources.code import store_code
from verbatim_runner.system_packages import ensure_system_packages

if TYPE_CHECKING:
    from verbatim_runner.stage_context import StageContext


def run(context: StageContext) -> PrepareOutputs:
    """Fetch the code, find out how it is started and what it needs, and build its environment.

    Raises:
        UserFault: The code is not there, nothing or more than one thing starts it, or its dependencies cannot be had.
    """
    code = store_code(context)
    project = Project.lay_out(context, code)
    entry = find_entry(project)
    context.console.say(f"training starts with {' '.join(entry.argv)} ({entry.found_by})")
    system_packages = ensure_system_packages(context, find_system_packages(project))
    environment = provide_environment(context, project, entry, code)
    return PrepareOutputs(code=code, environment=environment, entry=entry, system_packages=system_packages)
