"""From an alarm to messages in the outbox, and from the outbox to the carriers."""
