"""One module a command group; each imports its service only when it runs."""
