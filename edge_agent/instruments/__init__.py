"""Instruments: requests and the meaning of answers, one module a protocol."""
