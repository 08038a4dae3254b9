"""What a package of conda is called on PyPI, and which have no like there. Tables and their lookups alone."""

from __future__ import annotations

import re

PYPI_NAMES = {
    "antlr-python-runtime": "antlr4-python3-runtime",
    "astunparse": "astunparse",
    "dask-core": "dask",
    "faiss": "faiss-cpu",
    "faiss-gpu": "faiss-cpu",
    "jpype1": "JPype1",
    "keras-gpu": "keras",
    "lightgbm-gpu": "lightgbm",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "numpy-base": "numpy",
    "opencv": "opencv-python-headless",
    "psycopg2": "psycopg2-binary",
    "pyg": "torch-geometric",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pyarrow-core": "pyarrow",
    "pyqt": "PyQt5",
    "pyspark-base": "pyspark",
    "pytables": "tables",
    "python-annoy": "annoy",
    "python-blosc": "blosc",
    "python-fastjsonschema": "fastjsonschema",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-igraph": "igraph",
    "python-kaleido": "kaleido",
    "python-levenshtein": "Levenshtein",
    "python-lmdb": "lmdb",
    "python-tzdata": "tzdata",
    "python-wget": "wget",
    "python-xxhash": "xxhash",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-geometric": "torch-geometric",
    "pytorch-gpu": "torch",
    "ray-core": "ray",
    "ray-default": "ray[default]",
    "ray-tune": "ray[tune]",
    "ruamel_yaml": "ruamel.yaml",
    "tensorflow-base": "tensorflow",
    "tensorflow-eigen": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "tensorflow-mkl": "tensorflow",
}
"""A package of conda to that of PyPI, where their names differ."""

NO_PYTHON_PACKAGES = frozenset({
    "_anaconda_depends", "_libgcc_mutex", "_openmp_mutex", "_py-xgboost-mutex", "_pytorch_select", "_r-mutex",
    "_tflow_select", "alsa-lib", "anaconda", "arrow-cpp", "asn1crypto-test", "atk", "binutils", "blas",
    "bottleneck-mkl", "brotli-bin", "bzip2", "c-ares", "c-compiler", "ca-certificates", "cairo", "charls",
    "conda-env", "compilers", "console_shortcut", "cpuonly", "cuda", "cuda-nvcc", "cuda-runtime", "cuda-toolkit",
    "cuda-version", "cudatoolkit", "cudatoolkit-dev", "cudnn", "curl", "cxx-compiler", "cyrus-sasl", "dbus",
    "double-conversion", "eigen", "expat", "fftw", "fontconfig", "fonts-anaconda", "fonts-conda-ecosystem",
    "fonts-conda-forge", "fortran-compiler", "freetype", "fribidi", "gcc", "gdbm", "gettext", "gflags", "gfortran",
    "giflib", "glib", "glib-tools", "glog", "gmock", "gmp", "gnutls", "graphite2", "grpc-cpp", "gst-plugins-base",
    "gstreamer", "gtest", "gxx", "harfbuzz", "hdf4", "hdf5", "icc_rt", "icu", "imagecodecs-lite", "intel-openmp",
    "intel-openmp-rt", "isl-bin", "jpeg", "jq", "jxrlib", "keyutils", "krb5", "lame", "lcms2", "ld_impl_linux-64",
    "leptonica", "lerc", "liblapack", "llvm-openmp", "llvmlite-llvm", "lz4-c", "lzo", "magma-cuda", "make", "metis",
    "mkl", "mkl-devel", "mkl-include", "mpc", "mpfr", "mpi", "mpich", "mysql-common", "mysql-libs", "mutex", "nccl",
    "ncurses", "nettle", "ninja-base", "nodejs", "nomkl", "nspr", "nss", "numactl", "openblas", "openblas-devel",
    "openh264", "openjpeg", "openldap", "openmp", "openmpi", "openssl", "orc", "p11-kit", "pango", "pcre", "pcre2",
    "pixman", "pkg-config", "popt", "protobuf-cpp", "pthread-stubs", "pytorch-cuda", "pytorch-mutex", "qt",
    "qt-main", "qt-webengine", "re2", "readline", "s2n", "sccache", "sed", "sleef", "snappy-c",
    "sqlite", "suitesparse", "sysroot_linux-64", "tbb", "tesseract-data", "tk", "tbb4py", "tini", "unixodbc",
    "util-linux", "vc", "vs2015_runtime", "wrapt-c", "x264", "x265", "xerces-c", "xorg-libxau", "xz",
    "yaml", "yaml-cpp", "zeromq", "zfp", "zlib", "zlib-ng", "zstd", "blosc-c", "unzip", "zip", "wget-bin",
    "python_abi", "perl", "pandoc", "vcredist", "ucrt", "vc14_runtime",
})  # fmt: skip
"""Libraries and tools that conda needs and wheels bring or do without; training loses nothing without them."""

_SYSTEM_PACKAGES = {
    "ffmpeg": "ffmpeg",
    "git": "git",
    "git-lfs": "git-lfs",
    "graphviz": "graphviz",
    "imagemagick": "imagemagick",
    "java-jdk": "default-jre-headless",
    "openjdk": "default-jre-headless",
    "poppler": "poppler-utils",
    "r": "r-base-core",
    "r-base": "r-base-core",
    "r-essentials": "r-base-core",
    "rsync": "rsync",
    "tesseract": "tesseract-ocr",
    "wget": "wget",
}
"""Programs that Debian has: the line of ``apt.txt`` that brings each."""

_NOWHERE_ELSE = frozenset({
    "bcftools", "bedtools", "biobuilds", "blast", "bowtie2", "bwa", "cudf", "cugraph", "cuml", "cuspatial",
    "cuxfilter", "fastqc", "gatk", "gatk4", "gmx", "gromacs", "hisat2", "htslib", "hmmer", "kallisto", "mafft",
    "minimap2", "ncbi-datasets-cli", "openbabel", "openmpi-mpicc", "picard", "plink", "pymol-open-source", "rapids",
    "salmon", "samtools", "snakemake-executor", "sra-tools", "star", "trimmomatic", "vcftools", "xtb",
})  # fmt: skip

_LIBRARIES = re.compile(
    r"^(lib(?!rosa|svm|cst|sass|clang$|rosa$|tmux|pysal|magic$|sedml).*|_.*|.*_linux-64|.*-linux-64|xorg-.*|font-ttf-.*"
    r"|aws-c-.*|aws-(checksums|crt-cpp|sdk-cpp)|cuda-(?!python).*|gcc_.*|gxx_.*|gfortran_.*|kernel-headers.*|vs20.*"
    r"|msys2-.*|m2w64-.*|nvidia-.*|mkl[-_].*|azure-.*-cpp|.*-cos\d-.*|.*-devel)$"
)
_SPEC = re.compile(r"^(?:[\w./:-]+::)?(?P<name>[\w.-]+?)(?P<extras>\[[^=\]]*\])?\s*(?P<version>(?:[=<>!~\s\[*]|$).*)$")
_BRACKET = re.compile(r"version\s*=\s*['\"]?([^'\"\]]+)")
_WITH_BUILD = re.compile(r"^={0,2}\s*(?P<version>[\w.+!*]+)(?:=|\s+)(?P<build>[\w*.]+)$")


def conda_requirement(spec: str) -> tuple[str | None, str | None]:
    """Return a package of conda as a requirement of PyPI, None if it is to be left out, and what was changed of note.

    Args:
        spec: As in an environment file, such as ``conda-forge::numpy=1.19=py38h``.
    """
    name, version = split_spec(spec)
    if name in {"python", "pip", "setuptools", "wheel"}:
        return None, None
    if name in PYPI_NAMES:
        return f"{PYPI_NAMES[name]}{version}", f"{name} of conda is taken as {PYPI_NAMES[name]} of PyPI"
    if name in _SYSTEM_PACKAGES:
        line = _SYSTEM_PACKAGES[name]
        return None, f"{name} is a program and is left out; if training runs it, write {line} into apt.txt"
    if name in NO_PYTHON_PACKAGES or _LIBRARIES.match(name):
        return None, f"{name} is left out: it is a library or tool of conda that packages of PyPI do not need"
    return f"{name}{version}", None


def has_no_equivalent(spec: str) -> bool:
    """Return whether a package of conda has no like on PyPI, and training may well need it."""
    name, _ = split_spec(spec)
    is_r = name.startswith("r-") and name not in _SYSTEM_PACKAGES
    return is_r or name in _NOWHERE_ELSE or name.startswith(("bioconductor-", "perl-"))


def split_spec(spec: str) -> tuple[str, str]:
    """Return the name of a package of conda, in lower case, and its version as PyPI's tools read it, or nothing.

    https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html
    """
    found = _SPEC.match(spec.partition("#")[0].strip())
    if not found:
        return spec.strip().lower(), ""
    version = found["version"].strip()
    if version.startswith("["):
        inside = _BRACKET.search(version)
        version = inside[1].strip() if inside else ""
    return found["name"].lower() + (found["extras"] or ""), _version(version)


def _version(text: str) -> str:
    if built := _WITH_BUILD.match(text):
        version = built["version"]
        return f"=={version}" if "*" not in version or version.endswith(".*") else ""
    text = text.replace(" ", "")
    if not text or text in {"*", "=*", "=="} or "|" in text:
        return ""
    return ",".join(filter(None, map(_clause, text.split(","))))


def _clause(text: str) -> str:
    if text.startswith(("==", ">=", "<=", "!=", "~=")):
        return text if text[:2] in {"==", "!="} else text.removesuffix(".*").removesuffix("*")
    if text.startswith((">", "<")):
        return text.removesuffix(".*")
    version = text.lstrip("=").removesuffix("*").removesuffix(".")
    if not version:
        return ""
    exact = not text.startswith("=") and not text.endswith("*")
    return f"=={version}" if exact else f"=={version}.*"
