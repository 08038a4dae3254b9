"""Data from PostgreSQL, MySQL and SQLite: the rows of one query, read beside a sum over them in one transaction."""
