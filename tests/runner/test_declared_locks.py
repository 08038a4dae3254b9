"""Locks of uv, Poetry, Pipenv and PDM: what the project itself needs of them, on Linux, for each Python.

The texts are what the tools wrote for small projects, without what does not matter here.
"""

from __future__ import annotations

import json

import pytest

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.environment.declared import Declaration, find_declaration
from verbatim_runner.project import Project

ENTRY = Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test")
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def declared(project, root=None) -> Declaration:
    return find_declaration(Project(project, root or project), ENTRY)


def locked_lines(declaration: Declaration) -> list[str]:
    assert declaration.locked is not None
    assert (declaration.requirements, declaration.files) == ((), ())
    return declaration.locked.splitlines()


UV = f"""
version = 1
revision = 3
requires-python = ">=3.9"
resolution-markers = ["python_full_version >= '3.12'", "python_full_version < '3.12'"]

[manifest]
members = ["churn", "member"]

[[package]]
name = "churn"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "click" }},
    {{ name = "member" }},
    {{ name = "numpy", version = "2.0.2", source = {{ registry = "https://pypi.org/simple" }}, marker = "python_full_version < '3.12'" }},
    {{ name = "numpy", version = "2.5.5", source = {{ registry = "https://pypi.org/simple" }}, marker = "python_full_version >= '3.12'" }},
    {{ name = "requests", extra = ["socks"] }},
    {{ name = "ours" }},
]

[package.optional-dependencies]
plot = [{{ name = "toml" }}]

[package.dev-dependencies]
dev = [{{ name = "pytest" }}]

[[package]]
name = "click"
version = "8.1.8"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [{{ name = "colorama", marker = "sys_platform == 'win32'" }}]
sdist = {{ url = "https://files.example/click.tar.gz", hash = "{B}", size = 1 }}
wheels = [{{ url = "https://files.example/click.whl", hash = "{A}", size = 1 }}]

[[package]]
name = "colorama"
version = "0.4.6"
source = {{ registry = "https://pypi.org/simple" }}

[[package]]
name = "member"
version = "0.1.0"
source = {{ editable = "pkgs/m" }}
dependencies = [{{ name = "six" }}]

[[package]]
name = "numpy"
version = "2.0.2"
source = {{ registry = "https://pypi.org/simple" }}
resolution-markers = ["python_full_version < '3.12'"]

[[package]]
name = "numpy"
version = "2.5.5"
source = {{ registry = "https://pypi.org/simple" }}
resolution-markers = ["python_full_version >= '3.12'"]

[[package]]
name = "ours"
version = "1.0"
source = {{ git = "https://git.example/a/ours.git?subdirectory=py&rev=main#0123456789abcdef0123456789abcdef01234567" }}

[[package]]
name = "pysocks"
version = "1.7.1"
source = {{ registry = "https://pypi.org/simple" }}

[[package]]
name = "pytest"
version = "8.4.2"
source = {{ registry = "https://pypi.org/simple" }}

[[package]]
name = "requests"
version = "2.32.5"
source = {{ registry = "https://index.example.org/simple" }}

[package.optional-dependencies]
socks = [{{ name = "pysocks" }}]

[[package]]
name = "six"
version = "1.17.0"
source = {{ registry = "https://pypi.org/simple" }}

[[package]]
name = "toml"
version = "0.10.2"
source = {{ registry = "https://pypi.org/simple" }}
"""


def test_uvs_lock_is_read_without_extras_groups_and_other_systems(write_tree):
    found = declared(write_tree({"uv.lock": UV, "requirements.txt": "idna\n"}))
    assert found.declared_by == "uv.lock"
    assert locked_lines(found) == [
        "--extra-index-url https://index.example.org/simple",
        f"click==8.1.8 --hash={A} --hash={B}",
        "numpy==2.0.2 ; python_version < '3.12'",
        "numpy==2.5.5 ; python_version >= '3.12'",
        "ours @ git+https://git.example/a/ours.git@0123456789abcdef0123456789abcdef01234567#subdirectory=py",
        "pysocks==1.7.1",
        "requests==2.32.5",
        "six==1.17.0",
    ]


def test_a_member_of_a_workspace_is_locked_above_it(write_tree):
    root = write_tree({"uv.lock": UV, "pkgs/m/pyproject.toml": "[project]\nname='member'\n", "docs/x.md": ""})
    found = declared(root / "pkgs/m", root)
    assert found.declared_by == "../../uv.lock"
    assert locked_lines(found)[1:] == ["six==1.17.0"]
    assert declared(root / "docs", root).declared_by == "imports"


def poetry_package(name: str, version: str, more: str = "", dependencies: str = "", python: str = ">=3.8") -> str:
    return f"""
[[package]]
name = "{name}"
version = "{version}"
optional = false
python-versions = "{python}"
{more}
files = [
    {{file = "{name}.whl", hash = "{A}"}},
]
{dependencies}
"""


def test_the_lock_of_poetry_2_is_read_by_its_groups_and_markers(write_tree):
    main = 'groups = ["main"]'
    text = (
        poetry_package("click", "8.1.8", main)
        + poetry_package("numpy", "1.26.4", f'{main}\nmarkers = "python_version < \\"3.12\\""')
        + poetry_package("six", "1.17.0", 'groups = ["main", "dev"]\nmarkers = {main = "python_version < \\"3.10\\""}')
        + poetry_package("pytest", "8.0.0", 'groups = ["dev"]')
        + poetry_package("toml", "0.10.2", main).replace("optional = false", "optional = true")
        + poetry_package("lib", "0.1.0", main, '[package.source]\ntype = "directory"\nurl = "lib"')
        + poetry_package(
            "inner", "1.0", main, '[package.source]\ntype = "legacy"\nurl = "https://index.example/simple"'
        )
    )
    assert locked_lines(declared(write_tree({"poetry.lock": text}))) == [
        "--extra-index-url https://index.example/simple",
        f"click==8.1.8 --hash={A}",
        f'numpy==1.26.4 ; python_version < "3.12" --hash={A}',
        f'six==1.17.0 ; python_version < "3.10" --hash={A}',
        f"inner==1.0 --hash={A}",
    ]


def test_the_lock_of_poetry_1_is_read_by_what_the_project_needs(write_tree):
    pyproject = """
[tool.poetry.dependencies]
python = "^3.9"
requests = {version = "^2.31", extras = ["socks"]}
numpy = [{version = "1.26.4", python = "<3.12"}, {version = "2.2.0", python = ">=3.12"}]
toml = {version = "*", optional = true}
[tool.poetry.group.dev.dependencies]
pytest = "^8.0"
"""
    needs = """
[package.dependencies]
idna = ">=2.5,<4"
PySocks = {version = ">=1.5.6,<1.5.7 || >1.5.7", optional = true, markers = "extra == \\"socks\\""}
chardet = {version = ">=3", optional = true, markers = "extra == \\"chardet\\""}
win-inet-pton = {version = "*", markers = "sys_platform == \\"win32\\""}
ours = {version = "*", python = "<3.11"}
"""
    text = "".join([
        poetry_package("requests", "2.32.5", dependencies=needs),
        *(poetry_package(name, "1.0") for name in ("chardet", "pytest", "toml", "win-inet-pton")),
        poetry_package("idna", "3.10"),
        poetry_package("numpy", "1.26.4"),
        poetry_package("numpy", "2.2.0", python=">=3.10"),
        poetry_package("pysocks", "1.7.1"),
        poetry_package("ours", "0.1", dependencies='[package.source]\ntype = "git"\nurl = "git@git.example:a/ours.git"\n'
                       'reference = "main"\nresolved_reference = "0123456"'),
        '[metadata]\nlock-version = "2.0"\npython-versions = "^3.9"\n',
    ])  # fmt: skip
    assert [line.partition(" --hash")[0] for line in locked_lines(declared(write_tree({
        "poetry.lock": text, "pyproject.toml": pyproject,
    })))] == [
        "requests==2.32.5",
        "idna==3.10",
        "numpy==1.26.4 ; python_version < '3.12'",
        "numpy==2.2.0 ; python_version >= '3.12'",
        "pysocks==1.7.1",
        "ours @ git+ssh://git@git.example/a/ours.git@0123456 ; python_version < '3.11'",
    ]  # fmt: skip


def test_pipenvs_lock_is_read_from_its_default_section(write_tree):
    lock = {
        "_meta": {"sources": [{"url": "https://pypi.org/simple"}, {"url": "https://index.example/simple"}]},
        "default": {
            "requests": {
                "version": "==2.34.2",
                "extras": ["socks"],
                "hashes": [A],
                "markers": "python_version >= '3.10'",
            },
            "ours": {"git": "https://git.example/a/ours.git", "ref": "0123456"},
            "churn": {"editable": True, "path": "."},
        },
        "develop": {"pytest": {"version": "==8.0"}},
    }
    assert locked_lines(declared(write_tree({"Pipfile.lock": json.dumps(lock), "Pipfile": ""}))) == [
        "--extra-index-url https://index.example/simple",
        f"requests[socks]==2.34.2 ; python_version >= '3.10' --hash={A}",
        "ours @ git+https://git.example/a/ours.git@0123456",
    ]


def pdm_package(name: str, version: str, more: str = "") -> str:
    hashes = f'files = [{{file = "{name}.whl", hash = "{A}"}}]'
    return f'[[package]]\nname = "{name}"\nversion = "{version}"\nrequires_python = ">=3.8"\n{more}\n{hashes}\n'


def test_the_lock_of_pdm_is_read_by_its_groups(write_tree):
    default = 'groups = ["default"]'
    text = (
        pdm_package("requests", "2.32.5", default)
        + pdm_package(
            "requests", "2.32.5", f'{default}\nextras = ["socks"]\ndependencies = ["pysocks", "requests==2.32.5"]'
        )
        + pdm_package("pysocks", "1.7.1", f'{default}\nmarker = "python_version < \\"3.12\\""')
        + pdm_package("pytest", "8.0", 'groups = ["dev"]')
    )
    assert locked_lines(declared(write_tree({"pdm.lock": text}))) == [
        f"requests==2.32.5 --hash={A}",
        f'pysocks==1.7.1 ; python_version < "3.12" --hash={A}',
    ]


def test_an_older_lock_of_pdm_is_read_by_what_the_project_needs(write_tree):
    text = (
        pdm_package("requests", "2.32.5", 'dependencies = ["idna<4"]')
        + pdm_package("requests", "2.32.5", 'extras = ["socks"]\ndependencies = ["pysocks", "requests==2.32.5"]')
        + pdm_package("idna", "3.10")
        + pdm_package("pysocks", "1.7.1")
        + pdm_package("pytest", "8.0")
    )
    pyproject = "[project]\nname='x'\nrequires-python='>=3.9'\ndependencies=['requests[socks]']\n"
    lines = locked_lines(declared(write_tree({"pdm.lock": text, "pyproject.toml": pyproject})))
    assert [line.partition(" ")[0] for line in lines] == ["requests==2.32.5", "idna==3.10", "pysocks==1.7.1"]


@pytest.mark.parametrize("file", ["uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "Pipfile"])
def test_a_lock_that_cannot_be_read_is_the_users_fault(write_tree, file):
    with pytest.raises(UserFault, match=file):
        declared(write_tree({file: "<<<<<<< HEAD\n"}))


@pytest.mark.parametrize(("constraint", "requirement"), [
    ("'^1.2.3'", "six>=1.2.3,<2"),
    ("'^0.2.3'", "six>=0.2.3,<0.3"),
    ("'^0.0.3'", "six>=0.0.3,<0.0.4"),
    ("'^0'", "six>=0,<1"),
    ("'~1.2.3'", "six>=1.2.3,<1.3"),
    ("'~1'", "six>=1,<2"),
    ("'1.2.*'", "six==1.2.*"),
    ("'1.2.3'", "six==1.2.3"),
    ("'*'", "six"),
    ("'>= 1.2, < 2'", "six>=1.2,<2"),
    ("'>=1.2 <2'", "six>=1.2,<2"),
    ("'1.0 || 2.0'", "six"),
    ("{version='^1', extras=['a','b'], python='<3.12', markers=\"sys_platform == 'linux'\"}",
     "six[a,b]>=1,<2 ; sys_platform == 'linux' and python_version < '3.12'"),
    ("{git='https://git.example/six.git', tag='v1', subdirectory='py'}",
     "six @ git+https://git.example/six.git@v1#subdirectory=py"),
    ("{path='libs/six', develop=true}", "-e ./libs/six"),
    ("{url='https://files.example/six.whl'}", "six @ https://files.example/six.whl"),
])  # fmt: skip
def test_poetrys_dependencies_are_taken_as_requirements(write_tree, constraint, requirement):
    text = f"[tool.poetry.dependencies]\npython='^3.9'\nsix={constraint}\nidna={{version='*', optional=true}}\n"
    assert declared(write_tree({"pyproject.toml": text})).requirements == (requirement,)


def test_sources_that_uv_is_told_are_those_of_the_requirements(write_tree):
    text = """
[project]
name = "x"
dependencies = ["a[e]>=1", "b", "c ; python_version < '3.12'", "d", "torch"]
[tool.uv.sources]
a = {git = "https://git.example/a.git", rev = "v1"}
b = {path = "libs/b", editable = true}
c = {url = "https://files.example/c.whl"}
d = {workspace = true}
torch = {index = "pytorch-cpu"}
[[tool.uv.index]]
name = "pytorch-cpu"
url = "https://wheels.example/cpu"
explicit = true
[[tool.uv.index]]
url = "https://index.example/simple"
"""
    text += '[tool.uv.workspace]\nmembers = ["pkgs/*"]\n'
    files = {"libs/b/setup.py": "", "pkgs/m/pyproject.toml": '[project]\nname = "D"\n'}
    assert declared(write_tree({"pyproject.toml": text, **files})).requirements == (
        "--extra-index-url https://index.example/simple",
        "a[e] @ git+https://git.example/a.git@v1",
        "-e ./libs/b",
        'c @ https://files.example/c.whl ; python_version < "3.12"',
        "-e ./pkgs/m",
        "torch",
    )


@pytest.mark.parametrize(("script", "requirements", "files"), [
    ("from setuptools import setup\nsetup(install_requires=['six>=1', 'idna'])\n", ("six>=1", "idna"), ()),
    ("import setuptools\nNEEDS = ['six']\nsetuptools.setup(install_requires=NEEDS)\n", ("six",), ()),
    ("NEEDS = ['six']\nNEEDS += ['idna']\nsetup(install_requires=NEEDS)\n", (), ("setup.py",)),
    ("setup(install_requires=open('needs').read().split())\n", (), ("setup.py",)),
])  # fmt: skip
def test_a_setup_script_is_read_where_it_writes_out_what_it_requires(write_tree, script, requirements, files):
    found = declared(write_tree({"setup.py": script}))
    assert (found.declared_by, found.requirements, found.files) == ("setup.py", requirements, files)
