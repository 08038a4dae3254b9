#!/bin/sh
# Make the image's base, Debian bookworm, from Debian's own packages where no registry can be reached.
#
#   bootstrap_base.sh NAME
#
# Needs root, debootstrap and a Docker daemon. Fetches as this machine's apt does (mirror, proxy, certificates); nothing
# of that is left in the image, which lists Debian's official archives. DEBIAN_MIRROR names another mirror.
set -eu

name=$1
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
docker=${DOCKER:-docker}

if [ "$(id -u)" != 0 ]; then
    echo "bootstrap_base.sh: making the base image needs root" >&2
    exit 1
fi
if ! command -v debootstrap >/dev/null; then
    echo "bootstrap_base.sh: debootstrap is not installed: apt-get install debootstrap" >&2
    exit 1
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 20 "$root.log" >&2
    exit 1
}
rm -f "$root.log"
cat >"$root/etc/apt/sources.list" <<SOURCES
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
SOURCES
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/usr/share/doc/* \
    "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/etc/resolv.conf "$root"/etc/hostname
mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
tar --create --directory "$root" --one-file-system --exclude './dev/*' --exclude './proc/*' --exclude './sys/*' . \
    | "$docker" import --change 'CMD ["bash"]' - "$name" >/dev/null
