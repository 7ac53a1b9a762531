"""The field in a box: instruments, buses, faults and tides, written from the instruments' manuals."""
