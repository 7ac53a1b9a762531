"""Servers of the instruments' protocols, the instruments mounted on them, and the journal of served values."""
