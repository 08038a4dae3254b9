"""Which Debian package has a shared library or program that training needs and nothing brings. Looks nothing up."""

from __future__ import annotations

import re

PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLU.so.1": "libglu1-mesa",
    "libOSMesa.so.8": "libosmesa6",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libasound.so.2": "libasound2",
    "libcairo.so.2": "libcairo2",
    "libfontconfig.so.1": "libfontconfig1",
    "libgfortran.so.5": "libgfortran5",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libmagic.so.1": "libmagic1",
    "libopenblas.so.0": "libopenblas0",
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangocairo-1.0.so.0": "libpangocairo-1.0-0",
    "libportaudio.so.2": "libportaudio2",
    "libpq.so.5": "libpq5",
    "libsndfile.so.1": "libsndfile1",
    "libxcb.so.1": "libxcb1",
}
"""As the runner's image has them, which is of Debian 12."""

PROGRAMS = {
    "R": "r-base-core",
    "Rscript": "r-base-core",
    "cmake": "cmake",
    "dot": "graphviz",
    "ffmpeg": "ffmpeg",
    "gfortran": "gfortran",
    "java": "default-jre-headless",
    "node": "nodejs",
    "npm": "npm",
    "octave": "octave",
    "pdflatex": "texlive-latex-base",
    "unzip": "unzip",
    "wget": "wget",
    "curl": "curl",
}
"""By the name that they are called by."""

_MISSING = re.compile(r"(?P<library>lib[\w.+-]+\.so[\w.]*): cannot open shared object file")
_OF_A_DRIVER = ("libcu", "libnv", "libnccl")
_FREE_OF_WINDOWS = {"libGL.so.1": "opencv-python-headless", "libgthread-2.0.so.0": "opencv-python-headless"}


def advise_library(said: str) -> str | None:
    """Return what brings the library that a program could not load; None where it lacks none, or one of a GPU's.

    Args:
        said: The error.
    """
    found = _MISSING.search(said)
    if found is None or found["library"].startswith(_OF_A_DRIVER):
        return None
    library = found["library"]
    if library not in PACKAGES:
        return f"{library} is a library of the system: add the Debian package that has it to apt.txt, beside the code."
    headless = _FREE_OF_WINDOWS.get(library)
    other = f" If it is OpenCV that needs it: {headless}, in place of opencv-python, does not." if headless else ""
    return f"{library} is a library of the system: add the line {PACKAGES[library]} to apt.txt, beside the code.{other}"


def advise_program(said: str) -> str | None:
    """Return what to do about a program that was not found, where its package is known.

    Args:
        said: What names it, such as ``sh: 1: Rscript: not found``.
    """
    found = next((word for word in re.findall(r"[\w.+-]+", said) if word in PROGRAMS), None)
    return f"add the line {PROGRAMS[found]} to apt.txt, beside the code" if found else None
