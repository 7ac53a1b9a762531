"""The years before Quantrac: readings from files, through the same checks, books and feed as those of the stations."""
