"""SageMaker's script mode: the parameter ``sagemaker_program`` names the script.

Source: aws/sagemaker-training-toolkit, ``_entry_point_type.get`` and ``ProcessRunner._create_command``: a ``.sh`` is a
command, a directory with ``setup.py`` is a package whose module is run, any other ``.py`` is a script. The code is
where the conf says, whatever ``sagemaker_submit_directory`` holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verbatim.errors import UserFault
from verbatim_runner.entry import script

if TYPE_CHECKING:
    from verbatim_runner.entry.interface import Candidate
    from verbatim_runner.project import Project

PROGRAM = "sagemaker_program"
_PACKAGES = ("setup.py", "pyproject.toml")


def detect(project: Project) -> list[Candidate]:
    """Return the script that the parameters name, if they name one.

    Raises:
        UserFault: It is not in the code.
    """
    if PROGRAM not in project.parameters:
        return []
    name = str(project.parameters[PROGRAM]).strip('"')  # SageMaker's SDK writes every value as JSON
    if not script.pick(project, name):
        known = ", ".join(script.names(project)) or "none"
        raise UserFault(f"expected a script in the code ({known}); got {name!r}", field=f"parameters.{PROGRAM}")
    found = script.candidate(project, name, "SageMaker's script mode:")
    module = name.removesuffix(".py")
    if (
        name.endswith(".py")
        and module.isidentifier()
        and any((project.directory / file).is_file() for file in _PACKAGES)
    ):
        entry = found.entry.model_copy(update={"argv": ("python", "-m", module)})
        return [type(found)(entry, found.chosen_by)]
    return [found]
