"""What any program expects of the machine that it runs on, and what makes it come to the same result again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from verbatim_runner.training.variables import Setting

PASSED_ON = (
    "LANG", "LC_ALL", "LC_CTYPE", "TZ",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
)  # fmt: skip
"""Of the runner's own environment; nothing else reaches the user's command."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
THREAD_LIMITS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip


def machine(setting: Setting) -> dict[str, str]:
    """Return paths, directories, locale and the way to the network."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    no_proxy = ",".join(
        filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")), "127.0.0.1,localhost"])
    )
    return {
        "LANG": "C.UTF-8",
        **passed,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PATH": _joined(setting.bin_dir, *setting.local_path.commands, os.environ.get("PATH", SYSTEM_PATH)),
        "VIRTUAL_ENV": str(setting.bin_dir.parent),
        **({"PYTHONPATH": _joined(*imports)} if (imports := _imports(setting)) else {}),
        "HOME": str(setting.places.home),
        "TMPDIR": str(setting.places.temporary),
        "PYTHONUNBUFFERED": "1",
    }


def _imports(setting: Setting) -> list[Path]:
    """Return where Python looks first: packages that lie in the code, and in any case the project's ``src``."""
    source = setting.project.resolve() / "src"
    return list(dict.fromkeys([*setting.local_path.imports, *([source] if source.is_dir() else [])]))


def _joined(*places: Path | str) -> str:
    return os.pathsep.join(map(str, places))


def determinism(setting: Setting) -> dict[str, str]:
    """Return seeds and thread counts. The command may set others: what it exports itself comes after these."""
    return {
        "PYTHONHASHSEED": str(setting.seed),
        **dict.fromkeys(THREAD_LIMITS, str(setting.cpus)),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "TF_DETERMINISTIC_OPS": "1",
        "VERBATIM_SEED": str(setting.seed),
    }
