#!/bin/sh
# Run `docker compose`, or Debian's `docker-compose`, whichever is there, on docker-compose.yaml.
#
# VERBATIM_PROJECT    the project's name, if several run on one machine (verbatim)
# VERBATIM_PORT       where the UI listens, on 127.0.0.1 (8080)
# VERBATIM_PROJECTS   a directory of this machine whose code and data confs may name (/srv/verbatim)
# VERBATIM_SECRETS    the directory of the secrets (.verbatim/compose)
# VERBATIM_CA_BUNDLE  certificate authorities, where the network needs one of its own
set -eu

cd "$(dirname "$0")/.."
if docker compose version >/dev/null 2>&1; then
    set -- docker compose --project-name "${VERBATIM_PROJECT:-verbatim}" "$@"
elif command -v docker-compose >/dev/null; then
    set -- docker-compose --project-name "${VERBATIM_PROJECT:-verbatim}" "$@"
else
    echo "neither 'docker compose' nor docker-compose is installed (Debian: apt install docker-compose)" >&2
    exit 1
fi
exec "$@"
