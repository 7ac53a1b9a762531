"""Rules as evaluation sees them, compiled from the configuration, and blocks of readings."""
