#!/bin/sh
# Start PostgreSQL; at the first start make the cluster, the user `verbatim` and the databases of Airflow and the catalog.
set -eu

programs=$(ls -d /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
as_postgres() {
    setpriv --reuid postgres --regid postgres --init-groups -- "$@"
}

chown postgres:postgres "$data"
if [ ! -e "$data/ready" ]; then
    find "$data" -mindepth 1 -delete
    install -o postgres -g postgres -m 600 /run/secrets/postgres_password /tmp/password
    as_postgres "$programs/initdb" --pgdata "$data" --username verbatim --pwfile /tmp/password --encoding UTF8 \
        --auth-local trust --auth-host scram-sha-256 >/dev/null
    rm /tmp/password
    echo 'host all verbatim all scram-sha-256' >>"$data/pg_hba.conf"
    for database in airflow verbatim; do
        echo "CREATE DATABASE $database;" | as_postgres "$programs/postgres" --single -D "$data" postgres >/dev/null
    done
    as_postgres touch "$data/ready"
fi
install -d -o postgres -g postgres /var/run/postgresql
exec setpriv --reuid postgres --regid postgres --init-groups -- "$programs/postgres" -D "$data" \
    -c listen_addresses='*' -c max_connections=200
