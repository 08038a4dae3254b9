"""The embedded platform: Airflow on SQLite with LocalExecutor, in the background, under ``VERBATIM_HOME``.

Airflow runs in processes of its own; nothing here imports it.
"""
