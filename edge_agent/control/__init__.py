"""How a running agent is steered: its desk, commands of the centre, maintenance, another configuration."""
