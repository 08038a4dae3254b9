"""What is put right in requirement lines that another machine wrote: ``pip freeze`` of conda, Windows or macOS, typos.

Changes text and says so; decides no version.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

NAME = re.compile(r"^(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?P<extras>\[[^]]*\])?")
_OF_A_MACHINE = re.compile(
    r"^(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*@\s*(?P<url>file:\S+|/\S+|[A-Za-z]:\\\S+)"
)
_EGG = re.compile(r"[#&]egg=(?P<name>[A-Za-z0-9][\w.-]*)(?P<extras>\[[^]]*\])?")
_MISNAMED = {
    "cv2": "opencv-python-headless",
    "pil": "Pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorflow-intel": "tensorflow",
    "tensorflow-macos": "tensorflow",
    "yaml": "PyYAML",
}
"""Not on PyPI, a stub that refuses to be installed, or another system's build: what is meant instead."""
_OF_OTHER_SYSTEMS = frozenset({
    "pkg-resources", "pypiwin32", "pywin32", "pywinpty", "tensorflow-metal", "wincertstore", "windows-curses", "wmi",
})  # fmt: skip
_OF_CONDA = frozenset({
    "anaconda-client", "anaconda-navigator", "anaconda-project", "conda", "conda-build", "conda-content-trust",
    "conda-libmamba-solver", "conda-pack", "conda-package-handling", "conda-package-streaming", "conda-repo-cli",
    "conda-token", "conda-verify", "libmambapy", "menuinst", "mkl-fft", "mkl-random", "mkl-service",
    "navigator-launcher", "navigator-updater", "python", "ruamel-yaml-conda",
})  # fmt: skip


def repair(line: str) -> tuple[str | None, str | None]:
    """Return a requirement line as it can be resolved, None if it is to be left out, and what was changed, if anything.

    Args:
        line: One requirement, without comment and options.
    """
    if found := _OF_A_MACHINE.match(line):
        name, marker = found["name"], line.partition(" ;")[2]
        kept, _ = repair(name)
        text = f"{name}, a file of another machine ({found['url']})"
        if kept is None:
            return None, f"{text}, is left out"
        return f"{kept} ; {marker.strip()}" if marker else kept, f"of {text}, only the name is taken"
    if line.startswith(("git+", "hg+", "svn+", "bzr+")):
        return _with_name(line), None
    if _is_foreign_file(line):
        return _wheel(line)
    found = NAME.match(line)
    name = canonicalize_name(found["name"]) if found else ""
    if name in _OF_OTHER_SYSTEMS or name.startswith("pyobjc"):
        return None, f"{line} is left out: it is not for Linux"
    if name in _OF_CONDA:
        return None, f"{line} is left out: it is no package of PyPI that training needs"
    if found and name in _MISNAMED:
        rest = line[found.end("name") :]
        rest = "" if re.match(r"\s*==\s*0\.0", rest) else rest
        return f"{_MISNAMED[name]}{rest}", f"{line} is taken as {_MISNAMED[name]}, which is its name on PyPI"
    return line, None


def _with_name(line: str) -> str:
    """Return a version control URL with its name before it, where it has one at its end (``#egg=``)."""
    url = line.replace("git+git://github.com/", "git+https://github.com/", 1)
    url = re.sub(r"^git\+git@([^:/]+):", r"git+ssh://git@\1/", url)
    found = _EGG.search(url)
    if not found:
        return url
    rest = (url[: found.start()] + url[found.end() :].replace("&", "#", 1)).strip()
    return f"{found['name']}{found['extras'] or ''} @ {rest}"


def _is_foreign_file(line: str) -> bool:
    return line.startswith(("file:/", "/")) or re.match(r"[A-Za-z]:[\\/]", line) is not None


def _wheel(line: str) -> tuple[str | None, str | None]:
    path = PureWindowsPath(line) if "\\" in line else PurePosixPath(line)
    try:
        name, version, *_ = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        return None, f"{line}, a path of another machine, is left out"
    kept, _ = repair(f"{name}=={version}")
    return kept, f"of {path.name}, a file of another machine, name and version are taken"
