"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run id, the beginning or end of one, or `latest`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and only JSON.")]
