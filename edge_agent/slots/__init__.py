"""From samples to the readings of a slot: channels, means, statistics, maintenance, slots that nobody measured."""
