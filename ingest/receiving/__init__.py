"""From deliveries of the broker to a checked batch: inbox, columns, checks, registry."""
