"""The ``verbatim`` command. It imports the core alone; Airflow and the runner are started, never imported."""
