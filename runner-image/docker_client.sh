#!/bin/sh
# Print the first docker client on PATH that reaches a daemon and can build with BuildKit; fail where there is none.
#
# BuildKit came with the client until Docker 22, and is a plugin of it (buildx) since.
set -eu

IFS=:
for directory in $PATH; do
    client=$directory/docker
    if [ -x "$client" ] && version=$("$client" version --format '{{ .Client.Version }}' 2>/dev/null); then
        if [ "${version%%.*}" -lt 23 ] || "$client" buildx version >/dev/null 2>&1; then
            echo "$client"
            exit 0
        fi
    fi
done
echo "no Docker client that reaches a daemon and can build with BuildKit" >&2
exit 1
