"""The agent's own box: housekeeping channels, the modem's signal, systemd's watchdog."""
