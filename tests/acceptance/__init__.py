"""Tests of the program by its command line, and of the page in Chromium."""
