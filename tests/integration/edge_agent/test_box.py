"""The agent's own box: its clock set and set back, a line that hangs, a modem, orders at its desk, systemd."""

import asyncio
import contextlib
import itertools
import json
import os
import pty
import re
import socket
import threading
import time
import tty
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.clocks.system_clock import SystemClock
from edge_agent.clocks.trust import ClockLook
from edge_agent.health.modem import ModemWatch, signal_of
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.records import SlotRecord
from edge_agent.readings.samples import NO_MEASUREMENT, Measured
from edge_agent.spooling import inspection
from quantrac.cli.commands.edge import app
from quantrac.config.settings import Settings
from quantrac.config.stations import Bus, Modem
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import Message, decode_message
from tests.fixtures.timing import eventually
from tests.integration.edge_agent.agent import AgentThread
from tests.integration.edge_agent.tally_lines import Story, reader

STATION = "st-box"
WIDTH_MS = 1_000
HOUR_MS = 3_600_000
CLOCK_MS = 6_000
"""The size of a step may be told wrong by as long as the machine stood still between two looks at its clocks."""
NETWORK_FILE = """
schema: quantrac/network/1
network: box
name: {vi: "Hộp", en: "Box"}
operator: {vi: "Hộp", en: "Box"}
time_zone: Asia/Ho_Chi_Minh
"""
STATION_FILE = """
schema: quantrac/station/1
station: st-box
name: {vi: "Hộp", en: "Box"}
tags: [water]
location: {latitude: 9.5, longitude: 106.0, commune: "xã", surveyed: false}
in_service: 2019-06-01
defaults: {sample: 1s, report: 1s, housekeeping: 1s}
buses: {none: {kind: modbus-tcp, host: 127.0.0.1, port: 1}}
devices: {io: {profile: generic-di8, bus: none, address: 1, channels: {d0: {signal: input_0, parameter: door}}}}
"""
ROOT = Path(__file__).parents[3]
LOGGED = re.compile(r"\d{4}-\d\d-\d\d ")
"""A line of the agent's log, which here shares the program with the command."""


class MovedClock(SystemClock):
    """This machine's clocks, moved by a test for the agent alone."""

    def __init__(self, moved_ms: int = 0, look: ClockLook | None = None) -> None:
        self.moved_ms = moved_ms
        self.said = look or ClockLook(True, 1.5)

    def wall_ms(self) -> int:
        return super().wall_ms() + self.moved_ms

    def look(self) -> ClockLook:
        return self.said


class Box(AgentThread):
    """An agent without instruments that answer and without a broker: its own channels each second."""

    def __init__(self, folder: Path, clock: MovedClock) -> None:
        config = folder / "config"
        if not config.exists():
            (config / "stations").mkdir(parents=True)
            (config / "stations" / "st-box.yaml").write_text(STATION_FILE)
            (config / "network.yaml").write_text(NETWORK_FILE)
            (config / "devices").symlink_to(ROOT / "station_configs" / "devices")
        settings = Settings(mqtt_url="mqtt://127.0.0.1:1", state_dir=folder / "state", config=config)
        super().__init__(settings, STATION, clock=clock)

    def messages(self) -> list[Message]:
        return [decode_message(line) for line in inspection.export(self.folder)]

    def there(self) -> bool:
        return (self.folder / "spool.db").exists() and (self.folder / "desk.sock").exists()

    def undated(self) -> int:
        return inspection.inspect(self.folder).undated

    def ended(self) -> list[Message]:
        """End it, and return all that it has stored."""
        self.end()
        return self.messages()


def agent_times(messages: list[Message]) -> list[int]:
    return [m.t for m in messages if m.r and m.r[0][0] == "disk_free"]


def events(messages: list[Message], kind: str) -> list[tuple[int, str]]:
    return [(t, detail) for m in messages for name, device, detail, t in m.e if name == kind and device is None]


def repeated(messages: list[Message]) -> set[int]:
    times = agent_times(messages)
    return {t for t in times if times.count(t) == 2}


def skipped(messages: list[Message]) -> list[Message]:
    return [m for m in messages if m.r and m.r[0] == ("disk_free", None, "fault")]


def test_a_clock_set_back_repeats_slots_and_both_are_kept(tmp_path: Path) -> None:
    clock = MovedClock()
    box = Box(tmp_path, clock)
    eventually(lambda: box.there() and len(agent_times(box.messages())) >= 5)
    clock.moved_ms = -10_000
    eventually(lambda: len(repeated(box.messages())) >= 3)
    messages = box.ended()
    (said,) = events(messages, "clock")
    assert abs(int(said[1].split()[2]) + 10_000) < CLOCK_MS


def test_a_clock_set_forward_an_hour_leaves_slots_that_are_null_and_an_event_that_says_so(tmp_path: Path) -> None:
    clock = MovedClock()
    box = Box(tmp_path, clock)
    eventually(lambda: box.there() and len(agent_times(box.messages())) >= 3)
    clock.moved_ms = HOUR_MS
    eventually(lambda: len(skipped(box.messages())) >= 1_700)
    messages = box.ended()
    times = agent_times(messages)
    assert max(b - a for a, b in itertools.pairwise(times)) <= 2 * WIDTH_MS, "every second one of 3,600 slots is sent"
    assert len(skipped(messages)) <= 2_000
    (said,) = events(messages, "clock")
    assert abs(int(said[1].split()[2]) - HOUR_MS) < CLOCK_MS
    offsets = [tuple(reading) for m in messages for reading in m.r if reading[0] == "clock_offset" and reading[1]]
    assert set(offsets) == {("clock_offset", 1.5, "ok")}


def test_a_box_that_wakes_up_in_1970_dates_what_it_measured_when_its_clock_is_set(tmp_path: Path) -> None:
    began_ms = time.time_ns() // 1_000_000
    clock = MovedClock(moved_ms=-began_ms, look=ClockLook(False, None))
    box = Box(tmp_path, clock)
    eventually(lambda: box.there() and box.undated() >= 5)
    assert box.ended() == [], "no time, so no seq"
    before = box.undated()
    box = Box(tmp_path, clock)
    eventually(lambda: box.undated() >= before + 4)
    clock.moved_ms = 0
    eventually(lambda: len(events(box.messages(), "clock")) >= 2)
    messages = box.ended()
    now_ms = time.time_ns() // 1_000_000
    assert box.undated() == 0
    assert all(began_ms - 1_000 < m.t <= now_ms + 1_000 for m in messages)
    assert all(began_ms - 1_000 < t <= now_ms + 1_000 for m in messages for *_, t in m.e)
    assert agent_times(messages) == sorted(agent_times(messages))
    assert len([m for m in messages if m.r]) >= before + 4
    assert any("records measured before have got their time" in detail for _, detail in events(messages, "clock"))


def maintenance(messages: list[Message]) -> list[tuple[str | None, str]]:
    return [(device, detail) for m in messages for kind, device, detail, _ in m.e if kind == "maintenance"]


def test_a_person_orders_maintenance_at_the_desk_and_it_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUANTRAC_STATE_DIR", str(tmp_path / "state"))
    box = Box(tmp_path, MovedClock())
    eventually(box.answers)

    def maint(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["maint", "--station", STATION, *words])
        said = [line for line in result.output.splitlines(keepends=True) if not LOGGED.match(line)]
        return result.exit_code, "".join(said)

    assert maint() == (0, "st-box: no maintenance\n")
    code, said = maint("--for", "30m", "--cal", "--why", "lau đầu đo")
    assert (code, said.startswith("st-box all devices: cal until 20")) == (0, True)
    found = json.loads(maint("--device", "io", "--for", "6s", "--json")[1])
    assert {name: order["state"] for name, order in found["maintenance"].items()} == {"": "cal", "io": "maint"}
    assert maint("--for", "soon")[0] == 2
    eventually(lambda: "io" not in json.loads(maint("--json")[1])["maintenance"])
    assert maint("--off") == (0, "st-box: no maintenance\n")
    assert maint("--off")[0] == 1
    eventually(lambda: len(maintenance(box.messages())) >= 4)
    assert maintenance(box.ended()) == [
        (None, "on, cal for 30 min: lau đầu đo"),
        ("io", "on, maint for 0.1 min"),
        ("io", "off, its time is over"),
        (None, "off"),
    ]


def test_systemd_is_told_that_the_agent_is_ready_and_that_its_sweeps_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "4000000")
        box = Box(tmp_path, MovedClock())
        heard = [manager.recv(100) for _ in range(3)]
        box.end()
        while heard[-1] != b"STOPPING=1":
            heard.append(manager.recv(100))
    assert heard[:3] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_a_line_without_a_byte_is_closed_and_opened_again() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    bus = Bus(name="line", kind="modbus-rtu", port=os.ttyname(slave), guard_ms=300)
    one, _ = reader(bus, Story([1], [], signals=["tally_0"]), MissCounts())
    opened = opened_of(one)
    records: list[SlotRecord] = []
    next(iter(one._mountings.values())).channels.outlet.sink = records.append

    def told() -> list[str]:
        return [event.kind for record in records for event in record.events if event.kind.startswith("bus")]

    async def listen() -> None:
        stop = asyncio.Event()
        reading = asyncio.create_task(one.run(stop))
        await asyncio.to_thread(eventually, lambda: bool(told()) and opened[0] >= 2)
        stop.set()
        await reading

    asyncio.run(listen())
    os.close(master)
    os.close(slave)
    assert opened[0] >= 2
    assert set(told()) == {"bus_reopened"}


def opened_of(one: BusReader) -> list[int]:
    """Count how often the reader's bus is really opened."""
    count, bus = [0], one._bus
    open_it, is_open = bus.open, [False]
    close_it = bus.close

    async def counting() -> None:
        await open_it()
        count[0] += not is_open[0]
        is_open[0] = True

    def closing() -> None:
        is_open[0] = False
        close_it()

    bus.open, bus.close = counting, closing  # type: ignore[method-assign]
    return count


def test_the_modem_says_its_signal_strength() -> None:
    """27.007, 8.5: 0 is -113 dBm or less, 31 is -51 dBm or more, 99 not known."""
    assert signal_of(b"\r\n+CSQ: 0,99\r\n\r\nOK\r\n") == Measured(-113.0, State.OK)
    assert signal_of(b"+CSQ: 31,0") == Measured(-51.0, State.OK)
    assert signal_of(b"+CSQ: 99,99") == Measured(None, State.WARMUP)
    assert signal_of(b"ERROR") == NO_MEASUREMENT
    master, slave = pty.openpty()
    tty.setraw(slave)

    def modem() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while asked := os.read(master, 100):
                os.write(master, asked + b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n")

    answering = threading.Thread(target=modem, daemon=True)
    answering.start()
    watch = ModemWatch(Modem(port=os.ttyname(slave), baud=115_200))
    eventually(lambda: watch.ask() == Measured(-79.0, State.OK))
    os.close(slave)
    answering.join(60)
    os.close(master)
    assert ModemWatch(Modem(port="/dev/no-modem", baud=115_200)).ask() == NO_MEASUREMENT
