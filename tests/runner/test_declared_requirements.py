"""Requirements files as people, pip, conda and other systems write them."""

from __future__ import annotations

import pytest

from verbatim.errors import UserFault
from verbatim.stage import Entry
from verbatim_runner.environment.declared import Declaration, find_declaration
from verbatim_runner.project import Project

ENTRY = Entry(argv=("python", "train.py"), appends_parameters=True, found_by="test")


def declared(project, root=None) -> Declaration:
    return find_declaration(Project(project, root or project), ENTRY)


def listed(write_tree, text: str) -> Declaration:
    return declared(write_tree({"requirements.txt": text}))


def test_included_files_are_read_where_they_lie(write_tree):
    files = {
        "requirements.txt": "-r requirements/base.txt\n-c limits.txt\n-e .\nnumpy ; python_version < '3.12'\n",
        "requirements/base.txt": "--requirement=more.txt\nscipy>=1.0  # why\n",
        "requirements/more.txt": "pandas[parquet] \\\n  >=1.0\n",
        "limits.txt": "numpy<2\n",
    }
    found = declared(write_tree(files))
    assert found.requirements == (
        "pandas[parquet] >=1.0", "scipy>=1.0", "-e .", "numpy ; python_version < '3.12'",
    )  # fmt: skip
    assert found.constraints == ("numpy<2",)


@pytest.mark.parametrize("included", ["missing.txt", "../outside.txt", "https://example.org/r.txt"])
def test_an_included_file_that_the_code_has_not_is_named(write_tree, included):
    project = write_tree({"requirements.txt": f"-r {included}\n"})
    (project.parent / "outside.txt").write_text("six\n")
    with pytest.raises(UserFault, match=r"requirements\.txt includes") as caught:
        declared(project)
    assert included in caught.value.message


def test_files_that_include_each_other_end_in_an_error(write_tree):
    with pytest.raises(UserFault, match="include each other"):
        listed(write_tree, "-r requirements.txt\n")


def test_indexes_and_hashes_are_kept_and_installers_settings_are_not(write_tree):
    digest = "sha256:" + "0" * 64
    text = f"""
-i https://index.example.org/simple
--extra-index-url=https://more.example.org/simple
--trusted-host more.example.org
--find-links wheels
--prefer-binary
six==1.16.0 --hash={digest} \\
    --hash={digest}
"""
    assert listed(write_tree, text).requirements == (
        "--index-url https://index.example.org/simple",
        "--extra-index-url https://more.example.org/simple",
        "--find-links ./wheels",
        f"six==1.16.0 --hash={digest} --hash={digest}",
    )


@pytest.mark.parametrize(("line", "requirement"), [
    ("-e git+https://git.example/a/b.git@v1#egg=b", "b @ git+https://git.example/a/b.git@v1"),
    ("git+https://git.example/a/b.git#egg=b[x]&subdirectory=s", "b[x] @ git+https://git.example/a/b.git#subdirectory=s"),
    ("-e git+git@git.example:a/b.git#egg=b", "b @ git+ssh://git@git.example/a/b.git"),
    ("b @ git+https://git.example/a/b.git", "b @ git+https://git.example/a/b.git"),
    ("numpy @ file:///tmp/build/80754af9/numpy_1/work", "numpy"),
    ("numpy @ file:///C:/ci/numpy ; python_version < '3.9'", "numpy ; python_version < '3.9'"),
    ("C:\\Users\\me\\torch-1.7.0-cp38-cp38-win_amd64.whl", "torch==1.7.0"),
    ("numpy=1.19.2=py38h456fd55_0", "numpy==1.19.2"),
    ("sklearn==0.0.post1", "scikit-learn"),
    ("sklearn", "scikit-learn"),
    ("tensorflow-macos==2.9.0", "tensorflow==2.9.0"),
    ("./libs/ours", "-e ./libs/ours"),
    ("./wheels/ours-1-py3-none-any.whl", "./wheels/ours-1-py3-none-any.whl"),
])  # fmt: skip
def test_what_another_tool_wrote_is_read_as_it_is_meant(write_tree, line, requirement):
    assert listed(write_tree, f"{line}\n").requirements == (requirement,)


@pytest.mark.parametrize(
    "line", ["pkg-resources==0.0.0", "pywin32==306", "mkl-fft==1.3.0", "conda==4.9.2", "python==3.8", "/opt/x/y",
             "libgcc-ng=9.1.0=hdf63c60_0", "ca-certificates=2020.1.1=0"]
)  # fmt: skip
def test_what_is_of_another_machine_is_left_out_except_for_python_with_a_notice(write_tree, line):
    found = listed(write_tree, f"{line}\nsix\n")
    assert found.requirements == ("six",)
    assert any("left out" in notice for notice in found.notices)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_any_editors_encoding_is_read(write_tree, encoding):
    project = write_tree({"train.py": ""})
    (project / "requirements.txt").write_bytes("six\r\n# f\u00fcr alle\r\nidna>=2\r\n".encode(encoding))
    assert declared(project).requirements == ("six", "idna>=2")


def test_the_only_file_of_another_name_is_taken(write_tree):
    files = {"my_requirements.txt": "six\n", "requirements-dev.txt": "idna\n"}
    assert declared(write_tree(files)).declared_by == "my_requirements.txt"


def test_files_of_other_names_that_could_both_be_meant_are_named(write_tree):
    found = declared(write_tree({"requirements-a.txt": "six\n", "requirements-b.txt": "idna\n", "train.py": ""}))
    assert found.declared_by == "imports"
    assert "requirements-a.txt, requirements-b.txt" in found.notices[0]


def test_packages_that_are_named_above_a_subdirectory_are_named_by_where_they_lie_from_it(write_tree):
    files = {
        "requirements.txt": "-e .\n-e ./libs/b[all]\n-e libs/c\nscikit-learn\n",
        "setup.py": "",
        "libs/c/setup.py": "",
        "jobs/a/train.py": "import sklearn\n",
    }
    root = write_tree(files)
    assert declared(root / "jobs/a", root).requirements == ("-e ../..", "-e ../../libs/c", "scikit-learn")


def test_what_is_declared_above_a_subdirectory_counts_where_it_is_about_the_project(write_tree):
    files = {
        "requirements.txt": "-e .\nscikit-learn==1.4.0\n",
        "jobs/a/train.py": "import sklearn\n",
        "docs/build.py": "import sphinx\n",
    }
    root = write_tree(files)
    found = declared(root / "jobs/a", root)
    assert (found.declared_by, found.requirements) == ("../../requirements.txt", ("scikit-learn==1.4.0",))
    assert declared(root / "docs", root).declared_by == "imports"
