"""The database, both editions of TimescaleDB: migrations, roles, connections, change feed, beats."""
