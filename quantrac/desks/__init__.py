"""Desks that belong to no single service: the network, the books, exports. A service's own desk is its `desk.py`."""
