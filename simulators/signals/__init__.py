"""The simulated world: signals that are pure functions of time, so that asking more often changes nothing."""
