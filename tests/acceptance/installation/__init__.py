"""`./dev installation`: follows docs/installation.md on bare Debians, command by command. Needs root, takes minutes."""
