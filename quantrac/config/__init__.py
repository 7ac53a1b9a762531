"""Station, device and rule files: loading with line numbers, models, overlays; and the settings of the processes."""
