"""The lines on which instruments hang: bytes out, bytes in, and what becomes of a line that hangs."""
