#!/bin/sh
# Make the secrets that docker-compose.yaml mounts, once: random, in files that only their owner can read.
set -eu

directory=${VERBATIM_SECRETS:-$(cd "$(dirname "$0")/.." && pwd)/.verbatim/compose}
umask 077
mkdir -p "$directory"
for name in postgres_password s3_secret_key api_secret jwt_secret admin_password; do
    if [ ! -s "$directory/$name" ]; then
        head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$directory/$name"
    fi
done
if [ ! -s "$directory/fernet_key" ]; then
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$directory/fernet_key"
fi
