"""The ``verbatim`` command: its commands' names, and the edge where an error becomes an exit code.

Commands import what they need when they are called, so that ``verbatim --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from verbatim.errors import VerbatimError
from verbatim.exit_codes import ExitCode
from verbatim_cli.commands import demo, inspect, lineage, models, platform, profile, runs, shell, submit, trial, version

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name="verbatim",
    help="Runs any training code unchanged; reproduces any run exactly.",
    epilog="RUN is a run id, the beginning or end of one, or `latest`. "
    "Exit codes: 0 done, 2 usage, 65 code, data or conf at fault, 66 not found, 74 stopped, 75 platform at fault, "
    "80 expectation failed, 81 gate failed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "up": platform.up,
    "down": platform.down,
    "status": platform.status,
    "submit": submit.submit,
    "run": trial.run,
    "inspect": inspect.inspect,
    "profile": profile.profile,
    "runs": runs.runs,
    "show": runs.show,
    "metrics": runs.metrics,
    "logs": runs.logs,
    "artifacts": runs.artifacts,
    "lineage": lineage.lineage,
    "audit": lineage.audit,
    "shell": shell.shell,
    "models": models.models,
    "download": models.download,
    "promote": models.promote,
    "version": version.version,
}
for name, command in _COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Run the command that the arguments name."""
    try:
        app()
    except VerbatimError as error:
        from verbatim_cli.console import print_error

        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        sys.stderr.close()
        sys.exit(ExitCode.OK)


if __name__ == "__main__":
    main()
