#!/bin/sh
# Start a part of Airflow as the user `airflow`, with what only root may read: the secrets that compose mounts.
#
# They become environment variables of this process alone, so that `docker inspect` shows none of them.
set -eu

secret() {
    cat "/run/secrets/$1"
}

database="postgresql+psycopg2://verbatim:$(secret postgres_password)@postgres"
export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="$database/airflow"
export VERBATIM_CATALOG_URL="$database/verbatim"
AIRFLOW__CORE__FERNET_KEY=$(secret fernet_key)
AIRFLOW__API__SECRET_KEY=$(secret api_secret)
AIRFLOW__API_AUTH__JWT_SECRET=$(secret jwt_secret)
export AIRFLOW__CORE__FERNET_KEY AIRFLOW__API__SECRET_KEY AIRFLOW__API_AUTH__JWT_SECRET
AIRFLOW_CONN_VERBATIM_STORE=$(printf \
    '{"conn_type": "aws", "login": "%s", "password": "%s", "extra": {"endpoint_url": "http://s3:8333", "region_name": "us-east-1"}}' \
    verbatim "$(secret s3_secret_key)")
export AIRFLOW_CONN_VERBATIM_STORE

umask 077
printf '{"admin": "%s"}\n' "$(secret admin_password)" >/opt/airflow/passwords.json
chown airflow:airflow /opt/airflow/passwords.json
umask 022

groups=--clear-groups
if [ -S /var/run/docker.sock ]; then
    groups=--groups=$(stat --format %g /var/run/docker.sock)
fi
export HOME=/opt/airflow
exec setpriv --reuid airflow --regid airflow "$groups" -- "$@"
