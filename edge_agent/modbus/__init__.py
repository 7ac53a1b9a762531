"""Modbus TCP and RTU as a master: registers planned, read, and decoded with the device's own word about them."""
