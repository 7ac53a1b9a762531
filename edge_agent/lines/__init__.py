"""Lines to the instruments: serial ports and TCP connections as bytes, owed answers, lines that hang."""
