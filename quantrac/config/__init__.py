"""Configuration: station, device and rule files with line numbers and overlays, and the settings of the processes."""
