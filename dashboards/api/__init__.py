"""The read API `/api/v1`: what the public views have, in pages, as JSON or CSV, for programs."""
