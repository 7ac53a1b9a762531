"""The station's cameras: snapshots, with a spool and a slow lane of their own that no reading waits for."""
