"""The private TimescaleDB and Mosquitto of the demo and the tests; never a system-wide one."""
