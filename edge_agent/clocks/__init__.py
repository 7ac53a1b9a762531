"""The machine's clocks, and when their time is believed."""
