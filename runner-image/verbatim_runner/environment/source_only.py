"""What well-known packages without wheels depend on, so that resolving needs to build none of them.

Where only wheels count, a resolver that meets a package without one goes back to old releases of whatever needs it:
Hydra and OmegaConf need ``antlr4-python3-runtime`` 4.9, which is source alone. What is written here is taken for its
metadata instead (https://docs.astral.sh/uv/reference/settings/#dependency-metadata); it is built when it is installed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SOURCE_ONLY: dict[str, tuple[str, ...]] = {
    "antlr4-python3-runtime": (),
    "crcmod": (),
    "docopt": (),
    "func-timeout": (),
    "gputil": (),
    "hdfs": ("docopt", "requests>=2.7.0", "six>=1.9.0"),
    "langdetect": ("six",),
    "pathtools": (),
    "promise": ("six",),
    "sgmllib3k": (),
    "sqlitedict": (),
    "wget": (),
}
"""Name to requirements; the same for every release that Pythons of today can install."""


def source_only_options(directory: Path) -> tuple[str, ...]:
    """Return uv's options for resolving them, after writing what they need.

    Args:
        directory: Where to; readable by whoever runs uv.
    """
    settings = directory / "uv.toml"
    tables = (
        f"[[dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist = {json.dumps(requires)}\n"
        for name, requires in SOURCE_ONLY.items()
    )
    settings.write_text("\n".join(tables))
    return ("--config-file", str(settings), *(part for name in SOURCE_ONLY for part in ("--no-binary", name)))
