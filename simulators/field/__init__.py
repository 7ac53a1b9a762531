"""The field file, the stations built from it, and the field that serves them."""
