"""A package with ``__main__.py``, at the project's top or in ``src``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.stage import Entry
from verbatim_runner.entry.interface import Candidate, read_text

if TYPE_CHECKING:
    from verbatim_runner.project import Project


def detect(project: Project) -> list[Candidate]:
    """Return the packages that ``python -m`` starts."""
    roots = (project.directory, project.directory / "src")
    packages = [path.parent for root in roots for path in sorted(root.glob("*/__main__.py"))]
    return [
        Candidate(
            Entry(
                argv=("python", "-m", package.name),
                appends_parameters=True,
                found_by=f"the package {package.relative_to(project.directory)} with __main__.py",
            ),
            f'"command": "python -m {package.name}"',
            (package.name,),
            read_text(package / "__main__.py"),
        )
        for package in packages
        if package.name.isidentifier()
    ]
