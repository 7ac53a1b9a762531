"""A technician with a port and no manual: settings, unit and byte order are found on a simulated line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.modbus.frames import crc16
from simulators.lines.serial_line import PtyLine
from simulators.lines.wire import WireSettings
from tests.unit.edge_agent.test_interpretations import ORDERS, wire

ROOT = Path(__file__).parents[3]
TRIES = 4
SPEEDS = {9600: termios.B9600, 19200: termios.B19200, 38400: termios.B38400}


class Slave:
    """Answers reads of holding registers, but only at its own speed: at another it hears noise and sends noise."""

    def __init__(self, unit: int, words: dict[int, int], baud: int = 9600) -> None:
        self.unit, self.words, self.baud = unit, words, baud
        self.line = PtyLine(WireSettings.parse(f"{baud} 8N1"))
        self._heard = b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> str:
        return self.line.path

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def _run(self) -> None:
        async def begin() -> None:
            self.line.open(self._receive)

        self._loop.run_until_complete(begin())
        self._loop.run_forever()
        self.line.close()
        self._loop.close()

    def _receive(self, data: bytes) -> None:
        assert self.line._port is not None
        if termios.tcgetattr(self.line._port._slave)[5] != SPEEDS[self.baud]:
            self.line.send(b"\x00\xf8\xe0")
            return
        self._heard += data
        while len(self._heard) >= 8:
            frame, self._heard = self._heard[:8], self._heard[8:]
            if crc16(frame[:6]) == frame[6:] and frame[0] == self.unit:
                self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        _, function, at, count = struct.unpack(">BBHH", frame[:6])
        if all(place in self.words for place in range(at, at + count)):
            words = [self.words[place] for place in range(at, at + count)]
            reply = struct.pack(f">BBB{count}H", self.unit, function, 2 * count, *words)
        else:
            reply = bytes((self.unit, function | 0x80, 2))
        self.line.send(reply + crc16(reply))


@pytest.fixture
def slave() -> Iterator[Callable[..., Slave]]:
    with contextlib.ExitStack() as closing:

        def make(*args: object, **settings: object) -> Slave:
            made = Slave(*args, **settings)  # type: ignore[arg-type]
            closing.callback(made.close)
            return made

        yield make


def probe(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quantrac", "edge", "probe", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)


def found(*words: str) -> subprocess.CompletedProcess[str]:
    """Probe until something is found, as a person would: a busy machine may miss the one moment of an answer."""
    shown = probe(*words)
    for _ in range(TRIES - 1):
        if shown.returncode == 0:
            break
        shown = probe(*words)
    return shown


def said(wanted: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Probe until it says so, for the same reason."""
    all_shown = [probe(*words)]
    while not re.search(wanted, all_shown[-1].stdout + all_shown[-1].stderr):
        assert len(all_shown) < TRIES, all_shown
        all_shown.append(probe(*words))
    return all_shown[-1]


@pytest.mark.parametrize("order", ORDERS)
def test_the_display_picks_the_byte_order_and_the_base(slave: Callable[..., Slave], order: str) -> None:
    port = slave(3, {44: 1, 45: 0, 46: 0, 47: 0, 48: 0} | wire(7.62, order, 45)).port
    shown = found("--port", port, "--unit", "3", "--register", "46", "--expect", "7.62")
    assert shown.returncode == 0, shown.stderr
    assert f"reads 7.62: address_base: 1, at: 46, read: holding, type: float32, order: {order}" in shown.stdout
    for name in ORDERS:
        assert name in shown.stdout
    machine = found("--port", port, "--unit", "3", "--register", "46", "--type", "float32", "--json")
    rows = json.loads(machine.stdout)["readings"]
    assert len(rows) == 8  # four orders, two bases
    assert [row["order"] for row in rows if row["base"] == 1 and row["value"] == pytest.approx(7.62)] == [order]


def test_a_scan_finds_settings_and_unit(slave: Callable[..., Slave]) -> None:
    shown = found("--port", slave(7, {0: 0x1234}, baud=19200).port, "--scan", "--units", "5-8", "--json")
    assert shown.returncode == 0, shown.stderr
    one = json.loads(shown.stdout)
    assert (one["kind"], one["line"], one["address"]) == ("modbus-rtu", "19200 8E1", "7")  # a pty has no parity
    assert "1234" in one["said"]
    assert "s left  9600 8N1: modbus-rtu, units 5, 6, 7, 8" in shown.stderr  # progress
    assert f"--line '19200 8E1' --unit {one['address']} --register NUMBER" in shown.stderr.splitlines()[-1]


def test_a_silent_line_ends_in_time_with_advice(slave: Callable[..., Slave]) -> None:
    silent = probe("--port", slave(200, {}).port, "--scan", "--line", "9600 8N1", "--units", "1-9", "--limit", "3s")
    assert silent.returncode == 1
    assert "nobody answered; are A and B crossed" in silent.stderr
    assert "not a byte came" in silent.stderr


def test_holes_are_read_round_and_what_does_not_match_is_said(slave: Callable[..., Slave]) -> None:
    port = slave(1, {10: 762}).port
    shown = found("--port", port, "--register", "10", "--expect", "7.62")
    assert shown.returncode == 0, shown.stderr
    assert "type: int16, order: ABCD, scale: 0.01" in shown.stdout
    assert said("nothing at 10 reads 8.5", "--port", port, "--register", "10", "--expect", "8.5").returncode == 1


def test_a_profile_is_read_with_its_raw_registers(slave: Callable[..., Slave]) -> None:
    profile = ROOT / "station_configs/devices/generic-io8.yaml"
    port = slave(9, dict.fromkeys(range(64), 0)).port
    said("exception|battery_v", "--port", port, "--unit", "9", "--profile", str(profile))


def test_the_plan_says_what_is_asked_and_what_it_takes_of_the_line_without_opening_it() -> None:
    shown = probe("--station", "st-tran-de", "--plan")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("sonde on sondes (/dev/serial/by-id/usb-FTDI"), "a port that is not here"
    assert lines[1] == "  03 holding 128+12  chl_a do do_sat ec ph salinity turbidity water_temp"
    # Request 8 bytes, answer 5 + 2 x 12, ten bits each at 9600 baud: 38.5 ms of 10 s.
    assert "every 10 s, 39 ms on the line, load 0." in lines[0]
    machine = json.loads(probe("--station", "st-tran-de", "--plan", "--device", "gauge", "--json").stdout)
    assert [request["text"] for request in machine["requests"]] == ["M"]
    assert probe("--station", "st-tran-de", "--plan", "--device", "nobody").returncode == 2


def test_one_of_station_and_port_is_needed() -> None:
    assert probe("--scan").returncode == 2
    assert probe("--port", "/dev/null", "--station", "st-x").returncode == 2
