"""From samples to the readings of a slot: channels, means, statistics, gases, and slots that nobody measured."""
