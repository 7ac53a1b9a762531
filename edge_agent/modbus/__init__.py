"""Modbus RTU and TCP as a master: registers planned, read, and decoded with the device's state."""
