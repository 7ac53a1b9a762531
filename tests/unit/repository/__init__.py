"""The repository itself: the command, the locks, the documents."""
