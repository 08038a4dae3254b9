"""The runner's image with Debian packages besides (a project's ``apt.txt``): made once for each set of them, and kept.

The packages are installed by a container of the runner's image, which runs as root and has a network; it is given no
credential and nothing of the project. All that wants the same set meets in one container, told by its name: whoever
comes second follows it, and where its maker died, ends what that one began.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verbatim.container import INPUT, PIDS_LIMIT, RUN_LABEL, STAGE_LABEL, TRY_LABEL, Mount, network_environment, pack
from verbatim.errors import PlatformFault, UserFault
from verbatim.system_packages import image_with
from verbatim_operators.engines.daemon import (
    Gone,
    Refused,
    following,
    is_conflict,
    mounts,
    only_file,
    pass_on,
    patient,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from verbatim_operators.engines.base import Launch, OnLine
    from verbatim_operators.engines.daemon import Client

BASE_LABEL, PACKAGES_LABEL = "verbatim.base", "verbatim.packages"
ATTEMPTS = 10
START_WAIT_S = 30.0
POLL_S = 0.1
COMMIT_S = 900
TAIL_LINES = 40

_MEMORY_BYTES = 4 * 1024**3
_CA_BUNDLE = "ca.crt"
_UPDATE_FAILED = 75
_SCRIPT = f"""
set -eu
apt-get -q -o APT::Update::Error-Mode=any update || exit {_UPDATE_FAILED}
apt-cache --all-names pkgnames >/tmp/names
for package in "$@"; do  # apt-get would take an unknown name with a dot in it for a pattern, and install all that match
    grep -Fxq -e "${{package%%=*}}" /tmp/names || {{ echo "E: Unable to locate package ${{package%%=*}}"; exit 100; }}
done
apt-get -q -o Dpkg::Use-Pty=0 --yes --no-install-recommends --no-remove install -- "$@"
for package in "$@"; do
    dpkg-query --show --showformat='${{Package}}=${{Version}}\\n' -- "${{package%%=*}}" || true
done >{INPUT}/installed
apt-get -q clean
rm -rf /var/lib/apt/lists/* /var/log/apt/* /var/log/dpkg.log
"""
_NOT_TO_BE_HAD = re.compile(
    r"E: (Unable to locate package|Package .* has no installation candidate|Couldn't find any package|Version .* for)"
)
_TROUBLE = re.compile(
    r"Failed to fetch|Could ?n[o']t (resolve|connect)|Temporary failure|[Tt]imed out|No space left", re.IGNORECASE
)


class PackagesImage:
    """One set of packages on one runner's image.

    Args:
        client: The daemon's.
        launch: A stage that is to run where its packages are.
        network: The Docker network that Debian's archive is reached through.
    """

    def __init__(self, client: Client, launch: Launch, *, network: str) -> None:
        self._client = client
        self._launch = launch
        self._network = network
        self._base = launch.request.spec.image.digest
        self._packages = sorted(set(launch.packages))
        self.reference = image_with(self._base, self._packages)

    def ensure(self, on_line: OnLine, stopping: threading.Event, hold: Callable[[str | None], None]) -> str:
        """Return the image's name, made if this daemon does not have it yet.

        Args:
            on_line: Called with each line that apt says.
            stopping: Set where the stage is stopped.
            hold: Told the container to end in that case, and None when there is none any more.

        Raises:
            UserFault: Debian has no such package, or it cannot be installed; with apt's reason.
            PlatformFault: Debian's archive does not answer, or has a recorded version no more.
        """
        for _ in range(ATTEMPTS):
            if self._is_there():
                return self.reference
            if stopping.is_set():
                break
            try:
                container, is_mine = self._create_or_find()
                hold(container)
                self._make(container, on_line, stopping, is_mine=is_mine)
            except Gone:  # another who made the same has ended it
                continue
            finally:
                hold(None)
        raise PlatformFault(f"the image with {self._names} was not made: its making was stopped")

    @property
    def _names(self) -> str:
        return ", ".join(self._packages)

    def _is_there(self) -> bool:
        with suppress(Gone):
            self._client.inspect_image(self.reference)  # type: ignore[no-untyped-call]
            return True
        return False

    def _create_or_find(self) -> tuple[str, bool]:
        """Return the container that installs, and whether it was made just now."""
        name = self.reference.replace(":", "-")
        try:
            return self._create(name), True
        except Refused as error:
            if not is_conflict(error):
                raise
        return str(self._client.inspect_container(name)["Id"]), False

    def _create(self, name: str) -> str:
        request = self._launch.request
        created = self._client.create_container(
            self._base,
            [f"{INPUT}/install.sh", *self._packages],
            entrypoint=["/usr/bin/tini", "-g", "--", "/bin/sh"],
            name=name,
            use_config_proxy=False,
            labels={
                RUN_LABEL: request.run_id, STAGE_LABEL: "packages", TRY_LABEL: str(request.try_number),
                BASE_LABEL: self._base, PACKAGES_LABEL: " ".join(self._packages),
            },
            host_config=self._client.create_host_config(
                mounts=mounts([Mount(INPUT)]),
                tmpfs={"/tmp": "rw,exec,nosuid,nodev,mode=1777"},  # noqa: S108 - the container's own
                security_opt=["no-new-privileges"],
                mem_limit=_MEMORY_BYTES,
                memswap_limit=_MEMORY_BYTES,
                pids_limit=PIDS_LIMIT,
                network_mode=self._network,
            ),
        )  # fmt: skip
        return str(created["Id"])

    def _make(self, container: str, on_line: OnLine, stopping: threading.Event, *, is_mine: bool) -> None:
        if is_mine:
            on_line(f"[verbatim] installing {self._names} with apt")
            self._client.put_archive(container, INPUT, pack(_input(), mode=0o644))
            self._client.start(container)
            if stopping.is_set():  # what stopped it may have come too early
                self._client.kill(container)
        elif not self._has_started(container, stopping):
            if not stopping.is_set():
                self._remove(container)
            return
        else:
            on_line(f"[verbatim] another stage installs {self._names}; waiting for it")
        said: deque[str] = deque(maxlen=TAIL_LINES)

        def line(text: str) -> None:
            said.append(text)
            on_line(f"[apt] {text}")

        with following(self._client, container) as frames:
            pass_on(frames, line)
        code = int(self._client.wait(container, timeout=None)["StatusCode"])
        if code == 0:
            self._keep(container)
        self._remove(container)
        if 0 < code < 128:  # above, a signal ended it: that of another stage's stop
            raise self._fault(code, said)

    def _has_started(self, container: str, stopping: threading.Event) -> bool:
        """Return whether the container's maker starts it; one that was never started is its maker's, who is gone."""
        for _ in range(int(START_WAIT_S / POLL_S)):
            if self._client.inspect_container(container)["State"]["Status"] != "created":
                return True
            if stopping.wait(POLL_S):
                return False
        return False

    def _keep(self, container: str) -> None:
        """Make an image of what was installed, under the names as they were asked for and under name=version."""
        base: dict[str, Any] = self._client.inspect_image(self._base)["Config"]  # type: ignore[no-untyped-call]
        changes = [f"ENTRYPOINT {json.dumps(base.get('Entrypoint') or [])}", f"CMD {json.dumps(base.get('Cmd') or [])}"]
        changes += [f'LABEL {label}=""' for label in (RUN_LABEL, STAGE_LABEL, TRY_LABEL)]
        installed = only_file(self._client, container, f"{INPUT}/installed").decode().split()
        with patient(self._client, COMMIT_S):
            image = self._client.commit(container, changes=changes)["Id"]
        for reference in {self.reference, image_with(self._base, installed)}:
            repository, tag = reference.split(":")
            self._client.tag(image, repository, tag)

    def _remove(self, container: str) -> None:
        try:
            self._client.remove_container(container, v=True, force=True)
        except Refused as error:  # gone, or another is at it
            if not is_conflict(error) and not isinstance(error, Gone):
                raise

    def _fault(self, code: int, said: deque[str]) -> UserFault | PlatformFault:
        reasons = [line for line in said if line.startswith(("E:", "dpkg:"))] or list(said)[-5:]
        reason = "\n".join(reasons[:5])
        if code == _UPDATE_FAILED or _TROUBLE.search("\n".join(said)):
            return PlatformFault(f"Debian's packages could not be fetched: {reason}")
        if self._launch.request.stage != "prepare" and _NOT_TO_BE_HAD.search(reason):
            return PlatformFault(
                f"the run was prepared with {self._names}, which Debian's archive does not have here: {reason}\n"
                "Run it where it was prepared, or submit it again"
            )
        return UserFault(f"apt could not install {self._names}: {reason}", field="apt.txt")


def _input() -> dict[str, bytes]:
    """Return the installing script with how the network is reached; in a volume, so that no layer has any of it."""
    variables = network_environment() | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    files = {}
    if bundle := os.environ.get("VERBATIM_CA_BUNDLE"):
        files[_CA_BUNDLE] = Path(bundle).read_bytes()
        variables |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), f"{INPUT}/{_CA_BUNDLE}")
        files["apt.conf"] = f'Acquire::https::CAInfo "{INPUT}/{_CA_BUNDLE}";\n'.encode()
        variables["APT_CONFIG"] = f"{INPUT}/apt.conf"
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return files | {"install.sh": (exports + _SCRIPT).encode()}
