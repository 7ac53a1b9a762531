"""Serial lines on ptys take the time that the wire would, in both directions. pyserial is the client."""

import asyncio
import time
from pathlib import Path

import pytest
import serial

from simulators.lines.serial_line import PtyLine
from simulators.lines.wire import WireSettings

LONGEST_S = 60.0
"""A busy machine delays the reader, never the wire: what it delays is tried again for so long."""


def said_back(line: PtyLine, data: bytes) -> tuple[float, float]:
    """Send `data` to an instrument that says it back; return when the first byte and the last one came, seconds."""
    with serial.Serial(line.path, timeout=LONGEST_S) as port:
        started = time.perf_counter()
        port.write(data)
        first, first_s = port.read(1), time.perf_counter() - started
        assert first + port.read(len(data) - 1) == data
        return first_s, time.perf_counter() - started


@pytest.mark.parametrize("settings", ["9600 8N1", "19200 8N1", "1200 8N1"])
async def test_bytes_cross_unchanged_in_their_time_and_come_back_piece_by_piece(settings: str) -> None:
    """Each try is a client of its own: one may close and come back."""
    line = PtyLine(WireSettings.parse(settings))
    line.open(line.send)
    data = bytes(range(256))[: round(0.25 / line.settings.character_s)]  # a quarter of a second, or less at high speed
    wire_s = len(data) * line.settings.character_s
    until, tries = time.monotonic() + LONGEST_S, 0
    first_s = last_s = float("inf")
    while tries < 2 or last_s > 2.2 * wire_s or last_s - first_s < 0.6 * wire_s:
        assert time.monotonic() < until, (first_s, last_s, wire_s)
        first_s, last_s = await asyncio.to_thread(said_back, line, data)
        assert last_s > 1.8 * wire_s
        tries += 1
    line.close()


async def test_a_line_that_ends_takes_only_its_own_name_with_it(tmp_path: Path) -> None:
    """A simulation may be started while the one before it ends: the name then belongs to the new one."""
    name = tmp_path / "ports" / "st-a.sondes"
    old = PtyLine(WireSettings(9600), name)
    old.open(lambda _: None)
    new = PtyLine(WireSettings(9600), name)
    new.open(lambda _: None)
    old.close()
    assert name.is_char_device()
    new.close()
    assert not name.is_symlink()
