"""Line search: finds line settings, Modbus units, an SDI-12 sensor or a talker on a line that nobody documented.

The usual settings are tried, the most usual first, for the usual units; the other units only with settings under which
a unit answered. Where no Modbus unit is, it listens, and asks for an SDI-12 sensor. All within a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.lines.endings import LINE
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.readings.misses import Garbled, LateAnswer, LineDown, NoAnswer, RequestRefused
from quantrac.config.devices import BusKind
from quantrac.config.fields import LineSettings, parse_line
from quantrac.config.stations import Bus

COMMON: Final = (
    "9600 8N1", "19200 8E1", "19200 8N1", "9600 8E1", "38400 8N1", "4800 8N1", "115200 8N1", "57600 8N1",
    "38400 8E1", "9600 8N2", "9600 8O1", "19200 8N2", "2400 8N1", "1200 7E1",
)  # fmt: skip
"""Line settings, the most usual first: 9600 8N1 is what most manuals print, 19200 8E1 the default of the Modbus
serial line specification V1.02 (2.5.1)."""
USUAL_UNITS: Final = (1, 2, 3, 4, 5, 10, 247)
ALL_UNITS: Final = range(1, 248)
LISTEN_S: Final = 1.2
ANSWER_MS: Final = 250
"""Time for an answer beyond what its characters take on the line."""
FRAME_BITS: Final = 180
"""A request of eight characters and its short answer."""
GUARD_MS: Final = 60
SDI12_LINES: Final = ("9600 8N1", "1200 7E1")
LONGEST_TEXT: Final = 60


class LinePlace(NamedTuple):
    """A serial port, or a network endpoint."""

    port: str | None
    host: str | None = None
    tcp_port: int | None = None

    @property
    def text(self) -> str:
        """For people."""
        return self.port or f"{self.host}:{self.tcp_port}"

    @classmethod
    def parse(cls, text: str) -> LinePlace:
        """Read `/dev/…` or `host:port`."""
        host, colon, port = text.rpartition(":")
        if colon and port.isdecimal() and "/" not in text:
            return cls(None, host, int(port))
        return cls(text)


class Discovery(NamedTuple):
    """Something that lives on the line."""

    kind: BusKind
    line: str
    """Line settings; empty behind a network."""
    address: str
    said: str
    """How it answered."""


Progress = Callable[[str], None]


def bus_at(place: LinePlace, kind: BusKind, line: LineSettings | None) -> Bus:
    """Return a bus for looking round."""
    return Bus(
        name="probe", kind=kind, port=place.port, line=line, host=place.host, tcp_port=place.tcp_port, guard_ms=GUARD_MS
    )


def find(
    place: LinePlace, *, units: Sequence[int] | None, lines: Sequence[str], limit_s: float, say: Progress, clock: NowMs
) -> list[Discovery]:
    """Return what was found within `limit_s`; blocking. `units` None: the usual ones, then all."""
    search = _Search(place, units, lines, time.monotonic() + limit_s, say, clock)
    found = asyncio.run(search.network() if place.port is None else search.serial())
    if search.is_over:
        say(f"the time is over ({limit_s:g} s); not everything was tried")
    return found


@dataclass(frozen=True)
class _Search:
    """A search at one place, until its time is over."""

    place: LinePlace
    wanted: Sequence[int] | None
    lines: Sequence[str]
    until: float
    say: Progress
    clock: NowMs

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    async def serial(self) -> list[Discovery]:
        first = self.wanted or USUAL_UNITS
        for line in self.lines:
            if self.is_over:
                break
            self.say(f"{self.place.text} {line}: Modbus units {_brief(first)}")
            if found := await self.units("modbus-rtu", line, first):
                if self.wanted is None:
                    self.say(f"{self.place.text} {line}: the other units")
                    rest = [unit for unit in ALL_UNITS if unit not in USUAL_UNITS]
                    found += await self.units("modbus-rtu", line, rest)
                return found
        return await self.text()

    async def network(self) -> list[Discovery]:
        kinds: tuple[BusKind, ...] = ("modbus-tcp", "modbus-rtu-tcp")
        for kind in kinds:
            usual = [0, 255, *USUAL_UNITS] if kind == "modbus-tcp" else USUAL_UNITS
            units = usual if self.wanted is None else self.wanted
            self.say(f"{self.place.text}: {kind}, units {_brief(units)}")
            if found := await self.units(kind, "", units):
                return found
        return []

    async def units(self, kind: BusKind, line: str, units: Iterable[int]) -> list[Discovery]:
        settings = parse_line(line) if line else None
        bus = ModbusBus(bus_at(self.place, kind, settings), self.clock)
        timing = Timing(ANSWER_MS + (FRAME_BITS * 1000 // settings.baud if settings else ANSWER_MS))
        found: list[Discovery] = []
        garbled = 0
        try:
            for unit in units:
                if self.is_over:
                    break
                await bus.open()
                said, is_frame = await _answer(bus, unit, timing)
                if is_frame:
                    found.append(Discovery(kind, line, str(unit), said))
                garbled += bool(said) and not is_frame
                if garbled >= 2 and not found:
                    break  # a device speaks here, but not with these settings
        finally:
            bus.close()
        return found

    async def text(self) -> list[Discovery]:
        """Listen for a talker, and ask for an SDI-12 sensor."""
        for line in self.lines:
            if self.is_over:
                break
            self.say(f"{self.place.text} {line}: listening")
            bus = SerialBus(bus_at(self.place, "ascii", parse_line(line)), self.clock)
            try:
                await bus.open()
                if text := await _heard(bus):
                    return [Discovery("ascii", line, "", f"talks: {text[:LONGEST_TEXT]}")]
                if line in SDI12_LINES and (address := await _sdi12(bus)):
                    return [Discovery("sdi-12", line, address, "SDI-12 address")]
            except LineDown:
                continue
            finally:
                bus.close()
        return []


async def _heard(bus: SerialBus) -> str:
    """Return a line of printable characters that comes by itself, empty if there is none."""
    try:
        text = (await bus.listen(LINE, round(LISTEN_S * 1000))).decode("ascii").strip()
    except (Garbled, LateAnswer, NoAnswer, UnicodeDecodeError):
        return ""
    return text if text.isprintable() else ""


async def _answer(bus: ModbusBus, unit: int, timing: Timing) -> tuple[str, bool]:
    """Return what a unit said to a request for one register, and whether it was a proper frame."""
    try:
        answer = await bus.read(unit, RegisterSpan(Function.HOLDING, 0, 1), timing)
        return f"holding register 0 = {answer.words[0]:04X}", True
    except RequestRefused as refusal:
        return f"exception {refusal.code}: it lives", True
    except LateAnswer as late:
        return str(late), True
    except Garbled as garbled:
        return str(garbled), False
    except NoAnswer:
        return "", False


async def _sdi12(bus: SerialBus) -> str:
    """Return the address of the only sensor on an SDI-12 line (SDI-12 1.4, 4.4.2), empty if none answers."""
    try:
        answer = await bus.ask(b"?!", LINE, 1_000)
    except (Garbled, LateAnswer, NoAnswer, LineDown):
        return ""
    text = answer.raw.decode("ascii", "replace").strip()
    return text if len(text) == 1 and text.isalnum() else ""


async def read_words(
    place: LinePlace,
    kind: BusKind,
    line: LineSettings | None,
    unit: int,
    span: RegisterSpan,
    timeout_ms: int,
    clock: NowMs,
) -> dict[int, int]:
    """Return registers by wire address; one at a time where a block is refused. Raises Miss."""
    bus = ModbusBus(bus_at(place, kind, line), clock)
    timing = Timing(timeout_ms)
    words: dict[int, int] = {}
    try:
        await bus.open()
        try:
            return dict(enumerate((await bus.read(unit, span, timing)).words, span.at))
        except RequestRefused as refusal:
            why = refusal
        for at in range(span.at, span.end):
            try:
                words[at] = (await bus.read(unit, RegisterSpan(span.function, at, 1), timing)).words[0]
            except RequestRefused:
                continue
        if not words:
            raise why
        return words
    finally:
        bus.close()


def _brief(units: Sequence[int]) -> str:
    return ", ".join(map(str, units)) if len(units) <= 12 else f"{units[0]}-{units[-1]}"
