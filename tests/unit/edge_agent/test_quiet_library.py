"""A dead instrument does not fill the station's log: the Modbus library keeps its frames for itself."""

from __future__ import annotations

import logging

import pytest

import edge_agent.modbus.client  # noqa: F401  it silences the library


def test_its_misses_are_not_logged_whoever_sets_the_levels_last(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pymodbus"):  # as whoever configures logging does
        logging.getLogger("pymodbus.logging").error("No response received after 0 retries")
    assert not caplog.records
