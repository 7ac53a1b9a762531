"""The command line `quantrac …`, the composition root: it imports every room, and no room imports it."""
