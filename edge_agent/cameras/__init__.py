"""The station's cameras: snapshots, a spool and a slow lane of their own, never in the way of readings."""
