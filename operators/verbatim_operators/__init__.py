"""Verbatim's Airflow operators: each stage of a run is one task, its container started by an engine.

Modules that DAG files import stay light; what execution needs is imported when a task executes.
"""
