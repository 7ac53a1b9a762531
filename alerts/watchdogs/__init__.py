"""Watchdogs of the centre: silent stations, channels without values, books, feed, carriers, calibrations."""
