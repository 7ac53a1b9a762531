"""The way in: `quantrac …`. Composition root; nothing imports it."""
