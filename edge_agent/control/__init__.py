"""Control of a running agent: answers at its desk, commands of the centre, changes of configuration."""
