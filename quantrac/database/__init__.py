"""The database: migrations, roles, connections, the change feed, service beats. TimescaleDB, both editions."""
