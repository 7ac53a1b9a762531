"""Serial lines made of pseudo-terminals or TCP ports, paced to their baud rate."""
