"""From the broker to the database: batches, ledger, dead letters; quality as a consumer of the feed."""
