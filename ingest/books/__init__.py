"""What became of every message: the ledger, dead letters, reports of stations, acknowledgements."""
