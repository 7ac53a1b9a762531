"""The database: migrations, pool, roles, change feed, views."""
