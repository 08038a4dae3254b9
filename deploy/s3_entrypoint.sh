#!/bin/sh
# Start the S3 server (SeaweedFS, all its parts in one process); from outside the container only its S3 port can be reached.
set -eu

umask 077
printf '{"identities": [{"name": "verbatim", "credentials": [{"accessKey": "verbatim", "secretKey": "%s"}], "actions": ["Admin"]}]}' \
    "$(cat /run/secrets/s3_secret_key)" >/tmp/s3.json
chown s3:s3 /tmp/s3.json
chown s3:s3 /data
exec setpriv --reuid s3 --regid s3 --clear-groups -- weed -logtostderr -v=0 server -dir=/data -ip=127.0.0.1 \
    -ip.bind=127.0.0.1 -s3 -s3.port=8333 -s3.ip.bind=0.0.0.0 -s3.config=/tmp/s3.json \
    -master.volumeSizeLimitMB=1024 -volume.max=0 -volume.preStopSeconds=1
