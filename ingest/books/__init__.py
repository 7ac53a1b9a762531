"""The books: the ledger, dead letters, stations' reports, acks."""
