"""prepare: the code as a blob, how it is started, and its environment, locked and built."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from verbatim.stage import EnvironmentRef, PrepareOutputs
from verbatim_runner.entry import find_entry
from verbatim_runner.environment.build import ensure_environment
from verbatim_runner.environment.declared import find_declaration
from verbatim_runner.environment.lock import lock_environment
from verbatim_runner.project import Project
from verbatim_runner.sources.code import store_code

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
    declaration = find_declaration(project, entry)
    lock = lock_environment(context, declaration, project.directory, code.digest)
    environment = ensure_environment(context, lock.sha256, platform.python_version())
    context.console.say(
        f"environment: {environment.packages} packages by {declaration.declared_by}, Python {environment.version}"
        f"{', there already' if environment.cached else ''}"
    )
    return PrepareOutputs(
        code=code,
        environment=EnvironmentRef(
            lock_digest=lock.sha256,
            python=environment.version,
            packages=environment.packages,
            declared_by=declaration.declared_by,
            cached=environment.cached,
        ),
        entry=entry,
    )
