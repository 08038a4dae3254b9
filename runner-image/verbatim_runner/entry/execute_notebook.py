"""Executes a notebook with papermill: what its cells say goes to stdout as it comes, the error of a failing one too.

It runs in the user's environment, not in the runner's, so it may import nothing but papermill and the standard library.
papermill's own ways of showing output either cut lines (``--log-output``) or leave results out (``--stdout-file``).

Usage: ``execute_notebook.py NOTEBOOK``; all else is where the training contracts say.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.exceptions import PapermillExecutionError

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ARROW = re.compile(r"^-+>\s*(\d+)\s(.*)$", re.MULTILINE)
"""In IPython's traceback: the first is the cell's own line."""


def main() -> int:
    """Execute the notebook that the arguments name; return the exit code."""
    notebook = sys.argv[1]
    executed = Path(os.environ["VERBATIM_OUTPUT_DIR"]) / Path(notebook).name
    given = json.loads(Path(os.environ["VERBATIM_PARAMETERS"]).read_text(encoding="utf-8"))
    parameters = {key: value for key, value in given.items() if not key.startswith("sagemaker_")}
    PapermillNotebookClient.log_output_message = lambda _client, output: _show(output)
    try:
        papermill.execute_notebook(
            notebook,
            str(executed),
            parameters,
            kernel_name="python3",
            language="python",
            cwd=str(Path(notebook).parent),
            progress_bar=False,
            log_output=True,
        )
    except PapermillExecutionError as error:
        where = _ARROW.search(_COLOUR.sub("", "\n".join(error.traceback)))
        line = f", line {where[1]}: {where[2].strip()}" if where else ""
        _tell(f"{error.ename}: {error.evalue}\nin cell [{error.exec_count}] of {notebook}{line}")
        return 1
    except DeadKernelError:
        _tell(f"the kernel of {notebook} died")
        return 1
    return 0


def _show(output: Any) -> None:
    if output.output_type == "stream":
        text = "".join(output.text)
    elif output.output_type == "error":
        text = "\n".join(output.traceback) + "\n"
    else:
        text = "".join(output.get("data", {}).get("text/plain", ""))
        text += "\n" if text else ""
    sys.stdout.write(_COLOUR.sub("", text))
    sys.stdout.flush()


def _tell(reason: str) -> None:
    """Write why it failed where a training says so, unless the notebook has done that itself."""
    failure = Path(os.environ["SM_OUTPUT_DIR"]) / "failure"
    if not failure.exists():
        failure.write_text(reason, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
