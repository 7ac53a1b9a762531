"""What `probe --scan` finds on lines of plain scripts, with frames of their own; nothing here is our simulator.

A script answers on a pseudo terminal, if need be only at its own speed.
"""

from __future__ import annotations

import os
import struct
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, get_type_hints

import pytest

from edge_agent.commissioning import search_plan, text_search
from edge_agent.commissioning.line_place import LinePlace
from edge_agent.commissioning.line_search import FRAME_BITS, GUARD_MS, Searched, find
from edge_agent.commissioning.search_plan import ALL_UNITS, ASKED, COMMON, RARE, TextStep, UnitStep, steps
from quantrac.cli.commands.edge_probe import probe
from quantrac.config.fields import parse_duration
from tests.fixtures.instruments import now_ms
from tests.fixtures.rtu_check import checked
from tests.fixtures.timing import ended

Script = Callable[[bytes], bytes]
SPEEDS = {1200: termios.B1200, 9600: termios.B9600, 19200: termios.B19200}


class ScriptedLine:
    """Gives each chunk that comes to a script, and says what that returns; `speed`: else it says noise."""

    def __init__(self, script: Script, speed: int | None = None, says: bytes = b"") -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._script, self._speed, self._says = script, speed, says
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        ended(self._thread)
        os.close(self._ours)
        os.close(self._theirs)

    def _run(self) -> None:
        os.set_blocking(self._ours, False)
        said = time.monotonic()
        while not self._ending.wait(0.001):
            if self._says and time.monotonic() - said > 0.3:
                said = time.monotonic()
                os.write(self._ours, self._says)
            try:
                heard = os.read(self._ours, 256)
            except BlockingIOError:
                continue
            is_ours = self._speed is None or termios.tcgetattr(self._theirs)[5] == SPEEDS[self._speed]
            if answer := self._script(heard) if is_ours else b"\x00\xf8\xe0":
                os.write(self._ours, answer)


def unit(address: int, function: int = 3, loses: int = 0) -> Script:
    """Return a unit that reads one table only, and loses its first requests."""
    lost = [loses]

    def answer(frame: bytes) -> bytes:
        if len(frame) != 8 or checked(frame[:6]) != frame or frame[0] != address:
            return b""
        if lost[0]:
            lost[0] -= 1
            return b""
        if frame[1] != function:
            return b""  # some say nothing to what they do not know
        count = struct.unpack(">H", frame[4:6])[0]
        return checked(struct.pack(f">BBB{count}H", address, function, 2 * count, *[0x1234] * count))

    return answer


def ascii_unit(address: int) -> Script:
    """Return a unit that speaks Modbus ASCII (MODBUS over serial line V1.02, 2.5.2 and 6.2.1)."""

    def answer(frame: bytes) -> bytes:
        if not frame.startswith(b":%02X03" % address):
            return b""
        count = int(frame[9:13], 16)
        body = bytes((address, 3, 2 * count)) + b"\x12\x34" * count
        return b":%s%02X\r\n" % (body.hex().upper().encode(), -sum(body) & 0xFF)

    return answer


WAKES_S, MOST_S, TRIES = 2.0, 60.0, 10
"""When a unit is switched on; how long a busy machine may search for what is there."""


def late_riser(began: float) -> Script:
    """Return a unit that somebody switches on while it is looked for."""
    return lambda frame: unit(3)(frame) if time.monotonic() - began > WAKES_S else b""


def sdi12_adapter(*, echoes: bool) -> Script:
    """Return an adapter with two sensors: both answer `?!`, which nobody understands then; one loses a request."""
    lost = [b"3!"]

    def answer(heard: bytes) -> bytes:
        echo = heard if echoes else b""
        if heard in lost:
            lost.remove(heard)
            return echo
        answers = {b"?!": b"\x13\xff7\r\n", b"3!": b"3\r\n", b"7!": b"7\r\n", b"3I!": b"314OTT HACHPLS   215\r\n"}
        return echo + answers.get(heard, b"")

    return answer


class Scan(NamedTuple):
    searched: Searched
    said: list[str]
    took_s: float


class Searching(NamedTuple):
    """A line, how it is searched, and how many instruments or noises are there to be found."""

    line: Callable[[], ScriptedLine]
    settings: Sequence[str]
    units: range
    there: int = 1
    limit_s: float = MOST_S

    def search(self) -> Scan:
        """Search again where an answer came too late, which a busy machine may bring about; what is found is judged."""
        scan = self._once()
        for _ in range(TRIES - 1):
            if len(scan.searched.found) + len(scan.searched.noise) >= self.there:
                break
            scan = self._once()
        return scan

    def _once(self) -> Scan:
        line, said, began = self.line(), list[str](), time.monotonic()
        try:
            place = LinePlace(line.port)
            searched = find(
                place, units=self.units, lines=self.settings, limit_s=self.limit_s, say=said.append, clock=now_ms
            )
        finally:
            line.close()
        return Scan(searched, said, time.monotonic() - began)


USUAL, BOTH = ("9600 8N1",), ("9600 8N1", "19200 8N1")
LINES = {
    "input table": Searching(lambda: ScriptedLine(unit(133, function=4), 19200), BOTH, range(132, 135)),
    "loses one": Searching(lambda: ScriptedLine(unit(7, loses=1)), USUAL, range(7, 8)),
    "late riser": Searching(lambda: ScriptedLine(late_riser(time.monotonic())), ("4800 8N1",), range(3, 4)),
    "silent": Searching(lambda: ScriptedLine(lambda _: b""), ("4800 8N1",), range(3, 4), 0, 1.5),
    "other speed": Searching(lambda: ScriptedLine(unit(1), 1200), USUAL, range(1, 3), 1, 4.0),
    "modbus ascii": Searching(lambda: ScriptedLine(ascii_unit(9), 19200), BOTH, range(8, 10)),
    "talker": Searching(lambda: ScriptedLine(lambda _: b"", says=b"\x02023.4C 7.62pH\x03"), USUAL, range(1, 2)),
    "sdi-12": Searching(lambda: ScriptedLine(sdi12_adapter(echoes=False)), USUAL, range(1, 2), 2),
    "sdi-12 with echo": Searching(lambda: ScriptedLine(sdi12_adapter(echoes=True)), USUAL, range(1, 2), 2),
}


@pytest.fixture(scope="module")
def scans() -> Iterator[dict[str, Scan]]:
    """Search on all lines side by side: it is mostly waiting."""
    with pytest.MonkeyPatch.context() as shorter, ThreadPoolExecutor(len(LINES)) as pool:
        shorter.setattr(text_search, "ANSWER_S", 0.1)
        shorter.setattr(search_plan, "LISTEN_S", 0.5)
        shorter.setattr(search_plan, "LISTEN_AGAIN_S", 0.5)
        yield dict(zip(LINES, pool.map(Searching.search, LINES.values()), strict=True))


def test_two_rounds_ask_every_unit_twice_under_every_setting_and_listen_under_the_usual_ones() -> None:
    asked = [
        (step.line, one, function)
        for number in (0, 1)
        for step in steps((), None, number)
        if isinstance(step, UnitStep) and step.kind == "modbus-rtu"
        for one in step.units
        for function in step.functions
    ]
    assert {(line, one, function) for line in (*COMMON, *RARE) for one in ALL_UNITS for function in ASKED} == set(asked)
    speeds = {line.split()[0] for line, _, _ in asked}
    assert {"1200", "2400", "4800", "9600", "19200", "38400", "57600", "115200"} == speeds
    assert {"8N1", "8E1", "8O1", "8N2"} == {line.split()[1] for line, _, _ in asked}
    first = list(steps((), None, 0))
    bulk = next(place for place, step in enumerate(first) if isinstance(step, UnitStep) and len(step.units) > 200)
    assert any(isinstance(step, TextStep) and step.sdi12 for step in first[:bulk]), "text comes before the long search"


def test_a_unit_that_has_only_input_registers_or_loses_a_request_is_found_at_its_speed(scans: dict[str, Scan]) -> None:
    (one,) = scans["input table"].searched.found
    assert (one.kind, one.line, one.address, one.said) == ("modbus-rtu", "19200 8N1", "133", "input register 0 = 1234")
    assert [one.address for one in scans["loses one"].searched.found] == ["7"]


def test_a_unit_that_speaks_modbus_ascii_is_found_too(scans: dict[str, Scan]) -> None:
    (one,) = scans["modbus ascii"].searched.found
    assert (one.kind, one.line, one.address) == ("modbus-ascii", "19200 8N1", "9"), one.said


def test_the_usual_time_lasts_until_all_units_were_asked_under_the_two_most_usual_settings() -> None:
    """Each request takes its characters, its answer's time, and a guard time; SDI-12 is 22 commands."""
    first = [*steps((), None, 0)]
    bulks = [place for place, step in enumerate(first) if isinstance(step, UnitStep) and len(step.units) > 200]
    assert any(isinstance(step, UnitStep) and step.kind == "modbus-ascii" for step in first[: bulks[0]])
    took_s = 0.0
    for step in first[: bulks[1] + 1]:
        if isinstance(step, TextStep):
            took_s += step.listen_s + (22 * text_search.ANSWER_S if step.sdi12 else 0)
        else:
            one_ms = step.answer_ms + FRAME_BITS[step.kind] * 1000 / int(step.line.split()[0]) + GUARD_MS + 5
            took_s += len(step.units) * len(step.functions) * one_ms / 1000
    (option,) = get_type_hints(probe, include_extras=True)["limit"].__metadata__
    assert took_s < 0.9 * parse_duration(option.default_factory()) / 1000, took_s


def test_it_goes_on_until_its_time_is_over_and_finds_what_is_switched_on_meanwhile(scans: dict[str, Scan]) -> None:
    searched, said, took_s = scans["silent"]
    assert (searched.found, searched.noise) == ([], []), "silence is no noise"
    assert took_s >= 1.4
    assert "the time is over" in said[-1]
    assert [one.address for one in scans["late riser"].searched.found] == ["3"]
    assert any("once more" in line for line in scans["late riser"].said) or scans["late riser"].took_s > WAKES_S


def test_bytes_that_are_no_frame_are_told_from_silence(scans: dict[str, Scan]) -> None:
    searched = scans["other speed"].searched
    assert not searched.found
    (noise,) = searched.noise
    assert (noise.kind, noise.line, noise.said) == ("noise", "9600 8N1", "bytes that are no frame: 00 F8 E0")


def test_a_talker_is_heard_whatever_its_lines_end_with(scans: dict[str, Scan]) -> None:
    (one,) = scans["talker"].searched.found
    assert one.kind == "ascii"
    assert "23.4C 7.62pH" in one.said


@pytest.mark.parametrize("name", ["sdi-12", "sdi-12 with echo"])
def test_every_sdi12_sensor_is_found_also_behind_an_adapter_that_echoes(scans: dict[str, Scan], name: str) -> None:
    """Two answer `?!` at once, so nobody understands it (SDI-12 1.4, 4.4.2); `0!`-`9!` is what is left."""
    searched, said, _ = scans[name]
    assert [(one.kind, one.address) for one in searched.found] == [("sdi-12", "3"), ("sdi-12", "7")]
    assert searched.found[0].said == "SDI-12 1.4 OTT HACH PLS 215"
    assert any("echo: true" in line for line in said) is (name == "sdi-12 with echo")
