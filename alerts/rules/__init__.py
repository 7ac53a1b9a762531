"""Rules as evaluation sees them: compiled, checked, tested."""
