"""boto3 with its TransferManager: ``boto.py ENDPOINT down|up FROM TO``, with a prefix and a directory."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

PARALLEL = 20


def main() -> None:
    endpoint, way, source, target = sys.argv[1:]
    client = boto3.client("s3", endpoint_url=endpoint)
    bucket, _, prefix = (source if way == "down" else target).removeprefix("s3://").partition("/")
    if way == "down":
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page["Contents"]]
        jobs = [(client.download_file, bucket, key, f"{target}{key.removeprefix(prefix)}") for key in keys]
    else:
        jobs = [(client.upload_file, str(path), bucket, f"{prefix}{path.name}") for path in Path(source).iterdir()]
    with ThreadPoolExecutor(PARALLEL) as pool:
        for done in [pool.submit(*job) for job in jobs]:
            done.result()


if __name__ == "__main__":
    main()
