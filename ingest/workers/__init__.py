"""The worker of ingest that serves, and its metrics."""
