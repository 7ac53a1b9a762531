"""From the spool to the broker and back: two lanes, their pace, birth, status and acks."""
