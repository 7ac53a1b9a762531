"""From an alarm to messages in the outbox, and from the outbox to those who carry them."""
