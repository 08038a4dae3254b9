"""Tables of Hive, read from HiveServer2 in columns."""
