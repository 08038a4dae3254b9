"""The layers of docs/architecture.md, executable."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_every_package_imports_only_what_its_layer_may() -> None:
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dags_and_plugins_import_nothing_of_the_runner_and_nothing_heavy() -> None:
    forbidden = {"verbatim_runner", "verbatim_cli", "pandas", "great_expectations", "django", "docker"}
    files = [*REPOSITORY.glob("dags/**/*.py"), *REPOSITORY.glob("plugins/**/*.py")]
    assert files
    for file in files:
        found = {name.partition(".")[0] for name in _imported(ast.parse(file.read_text()))}
        assert not found & forbidden, file.name


def test_reading_a_conf_loads_nothing_that_only_its_data_needs() -> None:
    heavy = ("sqlglot", "pyarrow", "botocore", "boto3", "obstore", "sqlalchemy", "pandas", "numpy")
    program = (
        "import sys, verbatim.request, verbatim.spec, verbatim.stage, verbatim.data.templates, verbatim.data.waiting\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


def _imported(module: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names
