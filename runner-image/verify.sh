#!/bin/sh
# Check, inside the image, what it promises. Prints one line for each promise; fails at the first that does not hold.
#
#   docker run --rm --read-only --tmpfs /tmp --entrypoint sh IMAGE <runner-image/verify.sh
set -eu

failed() {
    echo "BROKEN: $1" >&2
    exit 1
}
kept() {
    echo "kept: $1"
}

runner='import sys; sys.path.insert(0, "/opt/verbatim"); '

[ "$(id -u trainer):$(id -G trainer)" = 65521:65521 ] || failed "trainer is 65521"
[ "$(id -u builder):$(id -G builder)" = 65522:65522 ] || failed "builder is 65522"
kept "the users trainer (65521) and builder (65522) are there, in no other group"

for tool in git ssh gcc g++ make python3 tini; do
    command -v "$tool" >/dev/null || failed "$tool is there"
done
[ -e /usr/include/python3.11/Python.h ] || failed "Python's headers are there"
ldconfig -p | grep -q libgomp.so.1 || failed "libgomp is there"
kept "the tools that installing and training need are there"

[ "$(readlink /opt/ml)" = /verbatim/work/ml ] || failed "/opt/ml leads to the work directory"
[ "$(readlink /workspace)" = /verbatim/work/workspace ] || failed "/workspace leads to the work directory"
for directory in in work store cache; do
    [ -d "/verbatim/$directory" ] || failed "/verbatim/$directory is there to be mounted over"
done
kept "the places of the contracts are there"

python3 -I /opt/verbatim --help >/dev/null || failed "the runner starts"
kept "the runner starts on a read-only root"

python3 -I -c "$runner"'
import verbatim_runner, verbatim
assert verbatim_runner.__file__.startswith("/opt/verbatim/"), verbatim_runner.__file__
import subprocess, uv
subprocess.run([uv.find_uv_bin(), "--version"], check=True, stdout=subprocess.DEVNULL)
' || failed "the runner finds its own packages and its uv"
! python3 -c 'import pandas' 2>/dev/null || failed "the system's Python has no package of the runner"
kept "the runner's packages are its own; the system's Python does not see them"

python3 -I -c '
import importlib.util, pathlib, sys
missing = [str(source) for source in pathlib.Path("/opt/verbatim").rglob("*.py")
           if not pathlib.Path(importlib.util.cache_from_source(str(source))).exists()]
missing.remove("/opt/verbatim/__main__.py")
sys.exit(f"not compiled: {len(missing)}, such as {missing[:3]}" if missing else 0)
' || failed "every module has its bytecode"
kept "every module has its bytecode"

[ -z "$(find /opt/verbatim ! -user root -print -quit)" ] || failed "the runner belongs to root"
[ -z "$(find /opt/verbatim -type f -perm /022 -print -quit)" ] || failed "only root may change the runner"
kept "only root may change the runner"

[ ! -e /run/secrets ] || [ -z "$(ls /run/secrets)" ] || failed "no build secret is left"
[ ! -e /etc/pip.conf ] && [ ! -e /root/.config ] && [ ! -e /root/.cache ] || failed "no setting of the building machine is left"
! env | grep -q -i -E '^(pip|uv|ssl|https?_proxy)' || failed "no setting of the building machine is in the environment"
for part in /etc/ssl/certs/*.pem; do
    case $(readlink -f "$part") in
        /usr/share/ca-certificates/*) ;;
        *) failed "no certificate authority but Debian's: $part" ;;
    esac
done
[ -z "$(ls /usr/local/share/ca-certificates 2>/dev/null)" ] || failed "no certificate authority but Debian's"
[ "$(grep -c BEGIN /etc/ssl/certs/ca-certificates.crt)" = "$(grep -c '^[^#!]' /etc/ca-certificates.conf)" ] || failed "the bundle is Debian's alone"
kept "no secret, certificate authority or index of the building machine is left"
