"""A batch into the database, in one transaction; pictures beside it."""
