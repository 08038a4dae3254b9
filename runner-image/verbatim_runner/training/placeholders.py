"""Fills in ``{channels.x}``, ``{files.x}``, ``{parameters.x}`` and ``{places.x}`` in commands and parameters.

Whatever else stands in braces is left as it is.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.errors import UserFault
from verbatim_runner.training.arguments import as_argument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from verbatim.fields import Parameter
    from verbatim_runner.training.places import Places

PLACES = (
    "model", "output", "output_data", "checkpoints", "tensorboard", "parameters", "notebook_program",
)  # fmt: skip
"""What ``{places.…}`` can name, of ``Places``."""

_PLACEHOLDER = re.compile(r"\{(channels|files|parameters|places)\.([\w.-]+)\}")
_ONE = {"channels": "channel", "files": "channel", "parameters": "parameter", "places": "place"}
_SHELLS = frozenset({"sh", "bash", "dash"})


@dataclass(frozen=True)
class Values:
    """What placeholders stand for.

    Attributes:
        channels: Channel to its directory.
        parameters: Parameter to its value.
        places: The run's directories and files.
    """

    channels: Mapping[str, Path]
    parameters: Mapping[str, Parameter]
    places: Places

    def of(self, kind: str) -> Mapping[str, Any]:
        """Return name to value, by the word before the placeholder's dot."""
        if kind == "places":
            return {name: getattr(self.places, name) for name in PLACES}
        return self.parameters if kind == "parameters" else self.channels


def fill_parameters(values: Values) -> dict[str, Parameter]:
    """Return the parameters with the placeholders in their texts filled in, at any depth.

    Raises:
        UserFault: A placeholder names nothing, or not one thing.
    """
    return {key: _fill_value(value, values, f"parameters.{key}") for key, value in values.parameters.items()}


def fill_command(argv: Sequence[str], values: Values) -> list[str]:
    """Return a command with its placeholders filled in; quoted where a shell will read them.

    Raises:
        UserFault: A placeholder names nothing, or not one thing.
    """
    by_shell = len(argv) > 2 and Path(argv[0]).name in _SHELLS and argv[1] == "-c"
    return [
        _fill(part, values, "command", quote=shlex.quote if by_shell and number == 2 else str)
        for number, part in enumerate(argv)
    ]


def as_text(value: Any) -> str:
    """Return a parameter as text: text as it is, nothing as an empty text, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _fill_value(value: Any, values: Values, field: str) -> Any:
    if isinstance(value, str):
        return _fill(value, values, field, quote=str)
    if isinstance(value, list):
        return [_fill_value(item, values, field) for item in value]
    if isinstance(value, dict):
        return {key: _fill_value(item, values, field) for key, item in value.items()}
    return value


def _fill(text: str, values: Values, field: str, *, quote: Callable[[str], str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        kind, name = match.groups()
        known = values.of(kind)
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise UserFault(f"{match[0]} names no {_ONE[kind]}; there are: {there}", field=field)
        if kind == "files":
            return quote(str(_only_file(known[name], match[0], field)))
        return quote(as_argument(known[name]) if kind == "parameters" else str(known[name]))

    return _PLACEHOLDER.sub(replacement, text)


def _only_file(directory: Path, placeholder: str, field: str) -> Path:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    if len(files) != 1:
        raise UserFault(f"{placeholder} needs a channel of exactly one file; this one has {len(files)}", field=field)
    return files[0]
