"""The life of an alarm: its row, its history, and what withholds it."""
