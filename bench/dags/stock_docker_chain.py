"""The peer of ``overhead``: a chain of stock DockerOperators, as many as Verbatim has container stages."""

from __future__ import annotations

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, chain

STAGES = ("extract", "prepare", "validate", "train", "evaluate", "register")

with DAG("stock_docker_chain", schedule=None, catchup=False) as dag:
    chain(
        *(
            DockerOperator(
                task_id=stage,
                image="verbatim-runner:latest",
                entrypoint=["true"],
                mount_tmp_dir=False,
                auto_remove="success",
            )
            for stage in STAGES
        )
    )
