"""From the database to people: rules, alarm life, routing, outbox, channels."""
