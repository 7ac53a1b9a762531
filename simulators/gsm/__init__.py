"""A GSM modem that reads short messages by 3GPP TS 23.040."""
