"""Tests: unit (no server), integration (real servers), acceptance (the program by its command line)."""
