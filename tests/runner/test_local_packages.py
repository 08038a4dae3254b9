"""Packages that lie in the code: which there are, and what their static files say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from verbatim.stage import Entry
from verbatim_runner.environment.declared import Declaration, find_declaration
from verbatim_runner.local_packages import LocalPackage, read_local_package
from verbatim_runner.project import Project

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test")
NAMED = '[project]\nname = "churn"\n'


def declared(root: Path, subdirectory: str = ".", entry: Entry = ENTRY) -> Declaration:
    return find_declaration(Project(root / subdirectory, root), entry)


@pytest.fixture
def described(write_tree):
    """Describe the package that some files make."""

    def describe(**files: str) -> tuple[LocalPackage, Path]:
        root = write_tree({name.replace("__py", ".py"): text for name, text in files.items()})
        found = read_local_package(root, root)
        assert found is not None
        return found, root

    return describe


def test_a_project_that_describes_a_package_is_one_itself(write_tree):
    assert declared(write_tree({"pyproject.toml": NAMED})).local == (".",)
    assert declared(write_tree({"a/setup.cfg": "[metadata]\nname = churn\n"}), "a").local == ("a",)
    assert declared(write_tree({"setup.py": "import setuptools\nsetuptools.setup(name=NAME)\n"})).local == (".",)


@pytest.mark.parametrize(
    "files",
    [
        {"train.py": ""},
        {"pyproject.toml": "[tool.ruff]\nline-length = 120\n"},
        {"pyproject.toml": NAMED + "[tool.uv]\npackage = false\n"},
        {"pyproject.toml": '[tool.poetry]\nname = "churn"\npackage-mode = false\n'},
        {"setup.cfg": "[flake8]\nmax-line-length = 120\n"},
        {"setup.py": "print('setting things up')\n"},
    ],
)
def test_an_application_is_no_package(write_tree, files):
    assert declared(write_tree(files)).local == ()


def test_packages_that_requirements_name_are_found_with_what_they_depend_on(write_tree):
    root = write_tree({
        "job/requirements.txt": "-e ../libs/a[all]\n-e libs/plain\n../libs/wheel.whl\n-e .\n-e ../../elsewhere\n",
        "job/libs/plain/setup.py": "setup()",
        "libs/a/pyproject.toml": '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\nb = {path = "../b"}\nz = {path = "../z", optional = true}\n',
        "libs/b/pyproject.toml": '[project]\nname = "b"\ndependencies = ["c @ file:///${PROJECT_ROOT}/../c"]\n',
        "libs/c/setup.cfg": "[metadata]\nname = c\n",
        "libs/z/setup.cfg": "[metadata]\nname = z\n",
    })  # fmt: skip
    (root.parent / "elsewhere").mkdir()
    (root.parent / "elsewhere" / "setup.cfg").write_text("[metadata]\nname = e\n")
    (root / "libs/wheel.whl").touch()
    assert declared(root, "job").local == ("libs/a", "job/libs/plain", "libs/wheel.whl", "libs/b", "libs/c")


WORKSPACE = """
[project]
name = "app"
dependencies = ["core-lib", "other", "numpy"]
[tool.uv.sources]
core_lib = {workspace = true}
other = [{path = "elsewhere/other", marker = "sys_platform == 'linux'"}]
[tool.uv.workspace]
members = ["packages/*", "../*"]
exclude = ["packages/left-out"]
"""


def test_members_of_a_workspace_are_found_whether_there_is_a_lock_or_not(write_tree):
    files = {
        "pyproject.toml": WORKSPACE,
        "packages/core/pyproject.toml": '[project]\nname = "core-lib"\ndependencies = ["base"]\n[tool.uv.sources]\nbase = {workspace = true}\n',
        "packages/base/pyproject.toml": '[project]\nname = "base"\n',
        "packages/unused/pyproject.toml": '[project]\nname = "unused"\n',
        "elsewhere/other/pyproject.toml": '[project]\nname = "other"\n',
    }
    found = declared(write_tree(files))
    assert found.local == (".", "packages/core", "elsewhere/other", "packages/base")
    assert found.requirements == ("-e ./packages/core", "-e ./elsewhere/other", "numpy")
    assert declared(write_tree(files | {"uv.lock": "version = 1\n"})).local == found.local


def test_a_workspace_whose_root_is_no_package_has_all_its_members(write_tree):
    root = write_tree({
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/c"]\n',
        **{f"packages/{name}/pyproject.toml": f'[project]\nname = "{name}"\n' for name in "abc"},
    })  # fmt: skip
    assert declared(root).local == ("packages/a", "packages/b")
    assert declared(root, "packages/a").local == ("packages/a",)


def test_what_a_local_package_imports_counts_as_the_projects_own(write_tree):
    root = write_tree({
        "job/requirements.txt": "-e ../lib\n",
        "job/train.py": "import shared\n",
        "lib/pyproject.toml": '[project]\nname = "lib"\n',
        "lib/src/shared/__init__.py": "import six\n",
    })  # fmt: skip
    assert declared(root, "job").added == ("six",)


@pytest.mark.parametrize(
    ("settings", "roots"),
    [
        ("", ["src"]),
        ('[tool.setuptools.package-dir]\n"" = "lib"\n', ["lib"]),
        ('[tool.setuptools.packages.find]\nwhere = ["lib", "more"]\n', ["lib", "more"]),
        ('[tool.hatch.build.targets.wheel]\npackages = ["lib/churn"]\n', ["lib"]),
        ('[tool.poetry]\npackages = [{include = "churn", from = "lib"}, {include = "more"}]\n', ["lib", "."]),
        ('[tool.pdm.build]\npackage-dir = "lib"\n', ["lib"]),
        ('[tool.maturin]\npython-source = "lib"\n', ["lib"]),
        ('[tool.uv.build-backend]\nmodule-root = ""\n', ["."]),
        ('[tool.setuptools.packages.find]\nwhere = ["../..", "/etc", "lib"]\n', ["lib"]),
        ('[tool.setuptools.packages.find]\nwhere = "not there"\n', ["src"]),
    ],
)
def test_packages_are_imported_from_where_the_build_backend_is_told(described, settings, roots):
    found, root = described(
        **{"pyproject.toml": NAMED + settings, "src/x.py": "", "lib/churn/x.py": "", "more/x.py": ""}
    )
    assert [place.relative_to(root).as_posix() for place in found.import_roots] == roots


@pytest.mark.parametrize(
    ("files", "roots"),
    [
        ({"churn/__init__.py": "", "src/main.c": ""}, ["."]),
        ({"src/__init__.py": "", "src/data/__init__.py": ""}, ["."]),
        ({"main.py": ""}, ["."]),
        ({"setup.cfg": "[options]\npackage_dir =\n    = lib\n", "lib/x.py": ""}, ["lib"]),
        ({"setup.cfg": "[options.packages.find]\nwhere = lib\n", "lib/x.py": ""}, ["lib"]),
        ({"setup.py": "setup(packages=find_packages('lib'))", "lib/x.py": ""}, ["lib"]),
        ({"setup.py": "setup(packages=setuptools.find_packages(where='lib'))", "lib/x.py": ""}, ["lib"]),
        ({"setup.py": "D = {'': 'lib'}\nsetup(package_dir=D)", "lib/x.py": ""}, ["lib"]),
        ({"setup.py": "setup(package_dir={'churn': 'lib/churn'})", "lib/churn/x.py": ""}, ["lib"]),
    ],
)
def test_the_usual_layouts_are_known(described, files, roots):
    found, root = described(**{"pyproject.toml": NAMED, **files})
    assert [place.relative_to(root).as_posix() for place in found.import_roots] == roots


def test_a_package_by_another_name_than_its_directorys_is_known(described):
    found, root = described(**{"setup.py": "setup(name='churn', package_dir={'churn': 'code'})", "code/x.py": ""})
    assert found.renamed == {"churn": root / "code"}


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"pyproject.toml": NAMED + 'version = "1.2.0-rc1"\n'}, "1.2.0rc1"),
        ({"pyproject.toml": '[tool.poetry]\nname = "churn"\nversion = "3.0"\n'}, "3.0"),
        ({"pyproject.toml": NAMED + 'dynamic = ["version"]\n', "churn/__init__.py": '__version__ = "0.4"\n'}, "0.4"),
        ({"pyproject.toml": NAMED, "src/other/__about__.py": "", "src/churn/__init__.py": "", "src/churn/_version.py": "__version__: str = '5'\n"}, "5"),
        ({"pyproject.toml": NAMED, "churn.py": "__version__ = '6'\n"}, "6"),
        ({"pyproject.toml": NAMED, "VERSION": "7.1\n"}, "7.1"),
        ({"setup.cfg": "[metadata]\nname = churn\nversion = attr: churn.__version__\n", "churn/__init__.py": "__version__ = '8'"}, "8"),
        ({"setup.py": "VERSION = '9'\nsetup(name='churn', version=VERSION)"}, "9"),
        ({"setup.py": "setup(name='churn', version=find())"}, "0"),
        ({"pyproject.toml": NAMED + 'version = "1.0/../../x"\n'}, "0"),
    ],
)  # fmt: skip
def test_the_version_is_the_one_that_is_written_somewhere(described, files, version):
    assert described(**files)[0].version == version


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": NAMED + '[project.scripts]\nfit = "churn.app:main"\n[project.entry-points."our.plugins"]\nnet = "churn:Net"\n'},
        {"pyproject.toml": '[tool.poetry]\nname = "churn"\n[tool.poetry.scripts]\nfit = {reference = "churn.app:main", type = "console"}\n[tool.poetry.plugins."our.plugins"]\nnet = "churn:Net"\n'},
        {"setup.cfg": "[metadata]\nname = churn\n[options.entry_points]\nconsole_scripts =\n    fit = churn.app:main\nour.plugins =\n    net = churn:Net\n"},
        {"setup.py": "setup(name='churn', entry_points={'console_scripts': ['fit=churn.app:main'], 'our.plugins': 'net = churn:Net'})"},
        {"setup.py": "setup(name='churn', entry_points='''\n[console_scripts]\nfit = churn.app:main\n[our.plugins]\nnet = churn:Net\n''')"},
    ],
)  # fmt: skip
def test_entry_points_are_read_however_they_are_written(described, files):
    assert described(**files)[0].entry_points == {
        "console_scripts": {"fit": "churn.app:main"},
        "our.plugins": {"net": "churn:Net"},
    }


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "project = 3\n[tool]\npoetry = []\nuv = 1\n"},
        {"pyproject.toml": "not toml"},
        {"pyproject.toml": "[project]\nname = ['x']\nscripts = 'x'\n"},
        {"setup.cfg": "no = section\n"},
        {"setup.py": "def ("},
    ],
)
def test_files_of_other_forms_describe_nothing(write_tree, files):
    root = write_tree(files)
    assert read_local_package(root, root) is None
