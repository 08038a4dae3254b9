#!/bin/sh
# Build one of the project's images, unless the one that is there was made from the same sources.
#
#   build_image.sh NAME DOCKERFILE [TARGET]
#
# BASE                the base (debian:bookworm-slim); where no registry gives it, it is bootstrapped from Debian's packages
# VERBATIM_CA_BUNDLE  the certificate authorities that the build needs; SSL_CERT_FILE, if that is set
# VERBATIM_INDEX      a file of shell assignments for pip and uv (see Dockerfile)
# DOCKER              the client; the first that can build with BuildKit, if not given
set -eu

name=$1 dockerfile=$2 target=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
base=${BASE:-debian:bookworm-slim}
bootstrapped=verbatim-base:bookworm

cd "$here/.."
docker=${DOCKER:-$("$here/docker_client.sh")}
sources=$(sed -n '/^COPY --from/d; s/^COPY \(--[^ ]* \)*\(.*\) [^ ]*$/\2/p' "$dockerfile")
# shellcheck disable=SC2086 # the list is words
digest=$({ find $sources "$dockerfile" -type f ! -path '*/__pycache__/*' -print0 | sort -zu | xargs -0 sha256sum; echo "$target"; } \
    | sha256sum | cut -c 1-16)
if [ "$("$docker" image inspect --format '{{ index .Config.Labels "verbatim.sources" }}' "$name" 2>/dev/null)" = "$digest" ]; then
    echo "the image $name is up to date"
    exit 0
fi

if ! "$docker" image inspect "$base" >/dev/null 2>&1 && ! "$docker" pull --quiet "$base" >/dev/null 2>&1; then
    if ! "$docker" image inspect "$bootstrapped" >/dev/null 2>&1; then
        echo "no registry gives $base: making the same base from Debian's packages"
        DOCKER=$docker "$here/bootstrap_base.sh" "$bootstrapped"
    fi
    base=$bootstrapped
fi

ca=${VERBATIM_CA_BUNDLE:-${SSL_CERT_FILE:-}}
index=${VERBATIM_INDEX:-}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "building the image $name on $base"
DOCKER_BUILDKIT=1 "$docker" build --progress plain --file "$dockerfile" --tag "$name" --label "verbatim.sources=$digest" \
    --build-arg "BASE=$base" ${target:+--target "$target"} \
    ${ca:+--secret "id=ca,src=$ca"} ${index:+--secret "id=index,src=$index"} . >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    exit 1
}
