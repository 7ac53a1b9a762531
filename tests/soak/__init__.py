"""Long runs under faults, outside the test suite."""
