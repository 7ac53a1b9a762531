"""The field in a box: simulated instruments on real ports, each following its manual."""
