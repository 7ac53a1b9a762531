"""From the spool to the broker and back: two lanes, their pace, and what the station says of itself."""
