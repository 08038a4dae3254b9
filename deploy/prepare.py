"""Prepare what the parts of docker-compose.yaml share, before they start: the schemas of both databases, the bucket.

May be run again at any time; does what is not done yet.
"""

from __future__ import annotations

import json
import os
import subprocess
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from verbatim.catalog import Catalog
from verbatim.settings import load_settings


def main() -> None:
    """Migrate Airflow's database and the catalog, make the store's bucket."""
    subprocess.run(["airflow", "db", "migrate"], check=True)
    settings = load_settings()
    Catalog(settings.catalog_url).migrate()
    make_bucket(urlsplit(settings.store_url).netloc)


def make_bucket(name: str) -> None:
    """Make the store's bucket where the store's connection leads."""
    connection = json.loads(os.environ["AIRFLOW_CONN_VERBATIM_STORE"])
    client = boto3.client(
        "s3",
        **connection["extra"],
        aws_access_key_id=connection["login"],
        aws_secret_access_key=connection["password"],
    )
    try:
        client.create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}:
            raise


if __name__ == "__main__":
    main()
