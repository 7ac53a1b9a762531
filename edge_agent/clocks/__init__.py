"""The clocks of the machine, and whether they can be believed."""
