"""A simulated GSM modem, with a reading of 3GPP TS 23.040 of its own."""
