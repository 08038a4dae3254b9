"""What runs inside the one image. Never imports Airflow; its dependencies travel with it in a zipapp."""
