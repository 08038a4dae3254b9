"""Pages and API of the platform inside Airflow's web server; ``plugins/verbatim_plugin.py`` registers them."""
