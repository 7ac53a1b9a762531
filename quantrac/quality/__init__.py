"""Quality control that looks at a device or a season as one thing: series in, findings and proposals out. Pure."""
