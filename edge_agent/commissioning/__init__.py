"""A technician at a new station: what hangs on a line, and what registers can mean."""
