"""Packages that lie in the code are found by a training as if they were installed, without any build."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from verbatim.stage import Entry, PrepareOutputs
from verbatim_runner.training.local_packages import LocalPath, place_local_packages
from verbatim_runner.training.places import Places

if TYPE_CHECKING:
    from pathlib import Path

APP = """
[project]
name = "Churn-App"
dynamic = ["version"]
dependencies = ["our-core"]
[project.scripts]
churn-fit = "churn_app.fit:main"
[project.entry-points."churn.models"]
net = "our_core:Net"
[tool.uv.sources]
our-core = {workspace = true}
[tool.uv.workspace]
members = ["packages/*"]
"""
FIT = """
import importlib.metadata as metadata, json, sys
import our_core
def main():
    (point,) = metadata.entry_points(group="churn.models")
    print(json.dumps({
        "version": metadata.version("churn-app"),
        "core": metadata.version("our_core"),
        "file": our_core.__file__,
        "plugin": point.load().__name__,
        "arguments": sys.argv[1:],
    }))
"""
FILES = {
    "pyproject.toml": APP,
    "src/churn_app/__init__.py": "__version__ = '1.5'\n",
    "src/churn_app/fit.py": FIT,
    "packages/core/pyproject.toml": "[project]\nname = 'our-core'\nversion = '0.2'\n",
    "packages/core/src/our_core/__init__.py": "class Net: ...\n",
}


def run_both(trainings: Any, files: dict[str, str], **conf: Any) -> Any:
    """Prepare and train a project, and return what it printed as JSON on its last line."""
    ground = trainings.ground
    code = ground.store_directory(conf.pop("root", None) or trainings.write_tree(files))
    subdirectory = conf.pop("subdirectory", ".")
    code = code.model_copy(update={"subdirectory": subdirectory})
    prepared = ground.run(ground.request("prepare", conf, code))
    assert prepared.error is None, prepared.error
    trained = ground.run(ground.request("train", conf, code, inputs={"prepare": prepared}))
    assert trained.error is None, trained.error
    return trainings.seen(trained.outputs)


def test_a_console_command_of_the_project_is_a_command_and_the_package_knows_its_version(trainings):
    seen = run_both(trainings, FILES, command="churn-fit --fast", parameters={"depth": 3}, model=None)
    assert seen.pop("file").endswith("/source/packages/core/src/our_core/__init__.py")
    assert seen == {"version": "1.5", "core": "0.2", "plugin": "Net", "arguments": ["--fast", "--depth", "3"]}


def test_a_package_beside_the_project_is_found_by_its_requirements_file(trainings):
    script = "import json, shared, importlib.metadata as m; print(json.dumps([shared.X, m.version('shared')]))"
    files = {
        "jobs/a/train.py": script,
        "jobs/a/requirements.txt": "-e ../../libs/shared\n",
        "libs/shared/setup.py": "from setuptools import setup\nsetup(name='shared', version='2', install_requires=[])\n",
        "libs/shared/setup.cfg": "[options]\npy_modules = shared\n",
        "libs/shared/shared.py": "X = 3\n",
    }
    assert run_both(trainings, files, subdirectory="jobs/a", model=None) == [3, "2"]


def test_a_package_that_stands_for_a_directory_is_imported_by_its_name(trainings):
    files = {
        "setup.py": "from setuptools import setup\nsetup(name='churn', packages=['churn'], package_dir={'churn': 'code'})\n",
        "code/__init__.py": "X = 4\n",
        "train.py": "import churn; print(churn.X)",
    }
    assert run_both(trainings, files, model=None) == 4


def test_a_wheel_in_the_code_is_found_and_its_commands_too(trainings):
    root = trainings.write_tree(
        {
            "pyproject.toml": "[project]\nname = 'app'\ndependencies = ['tools']\n[tool.uv.sources]\ntools = {path = 'wheels/tools-3-py3-none-any.whl'}\n"
        }
    )
    (root / "wheels").mkdir()
    with zipfile.ZipFile(root / "wheels/tools-3-py3-none-any.whl", "w") as wheel:
        for name, text in {
            "tools/__init__.py": "def main(): print((__import__('pathlib').Path(__file__).parent / 'n.txt').read_text())\n",
            "tools/n.txt": "5",
            "tools-3.dist-info/METADATA": "Metadata-Version: 2.1\nName: tools\nVersion: 3\n",
            "tools-3.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "tools-3.dist-info/entry_points.txt": "[console_scripts]\ntool = tools:main\n",
            "tools-3.dist-info/RECORD": "",
        }.items():
            wheel.writestr(name, text)
    assert run_both(trainings, {}, root=root, command="tool", model=None) == 5


def test_an_evaluation_finds_the_same_packages(trainings):
    ground = trainings.ground
    evaluate = "import json, os, our_core\njson.dump({'auc': 1}, open(os.environ['VERBATIM_OUTPUT_DIR'] + '/metrics.json', 'w'))\n"
    code = ground.store_directory(trainings.write_tree(FILES | {"evaluate.py": evaluate}))
    conf = {"command": "churn-fit", "model": None, "evaluation": {"command": "python evaluate.py"}}
    inputs = {"prepare": ground.run(ground.request("prepare", conf, code))}
    inputs["train"] = ground.run(ground.request("train", conf, code, inputs=inputs))
    evaluated = ground.run(ground.request("evaluate", conf, code, inputs=inputs))
    assert evaluated.error is None, evaluated.error
    assert evaluated.outputs.metrics["auc"] == 1


def test_names_that_lead_elsewhere_are_left_out(tmp_path: Path):
    places = Places.make(tmp_path / "work")
    places.source.mkdir()
    (places.source / "pyproject.toml").write_text("""
[project]
name = "evil"
version = "1"
[project.scripts]
"../../outside" = "os:system"
"-x" = "os:system"
good = "os:getpid"
inject = "os:getpid\\nimport evil #"
code = "os:getpid(); evil"
[project.entry-points."bad]\\n[console_scripts"]
x = "y:z"
[project.entry-points."our.plugins"]
"a\\n[other]\\nb" = "os:x"
fine = "os:path.join [extra]"
[tool.setuptools.package-dir]
"../up" = "."
""")
    path = place_local_packages(places, (".", "missing"))
    assert path.imports == (places.installed, places.source)
    assert [file.name for file in places.commands.iterdir()] == ["good"]
    assert [file.name for file in places.installed.iterdir()] == ["evil-1.dist-info"]
    written = (places.installed / "evil-1.dist-info" / "entry_points.txt").read_text()
    assert written == "[our.plugins]\nfine = os:path.join [extra]\n\n[console_scripts]\ngood = os:getpid\n"


def test_without_packages_nothing_is_placed(tmp_path: Path):
    places = Places.make(tmp_path / "work")
    places.source.mkdir()
    assert place_local_packages(places, ()) == LocalPath()
    assert not places.installed.exists()


def test_a_package_is_recorded(trainings):
    ground = trainings.ground
    code = ground.store_directory(trainings.write_tree(FILES))
    outputs = ground.run(ground.request("prepare", {"command": "churn-fit"}, code)).outputs
    assert isinstance(outputs, PrepareOutputs)
    assert isinstance(outputs.entry, Entry)
    assert outputs.environment.local_packages == (".", "packages/core")


def test_modules_above_the_project_are_found_by_its_training(trainings):
    files = {
        "lib/ours/__init__.py": "from shared.kind import KIND\n",
        "shared/kind.py": "KIND = 'tree'\n",
        "lib/jobs/churn/train.py": "import json, ours\nprint(json.dumps({'kind': ours.KIND}))\n",
    }
    assert run_both(trainings, files, subdirectory="lib/jobs/churn", model=None) == {"kind": "tree"}
