"""The simulated world: every signal is a pure function of time, so it does not matter how often it is asked."""
