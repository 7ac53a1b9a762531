"""The repository itself: the `dev` command, lock files, words."""
