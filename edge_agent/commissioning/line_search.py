"""Line search: finds line settings, Modbus units, SDI-12 sensors or a talker on a line that nobody documented.

It goes round the settings until its time is over (`search_plan`). It ends before only when something was found and all
units were asked twice under the settings of that. What comes and is no frame is told from silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal, NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.commissioning.line_place import LinePlace, bus_at
from edge_agent.commissioning.search_plan import (
    ALL_UNITS,
    LISTEN_S,
    PATIENT_MS,
    USUAL_UNITS,
    TextStep,
    UnitStep,
    steps,
)
from edge_agent.commissioning.text_search import Sdi12Answers, hear
from edge_agent.lines.byte_line import ByteLine
from edge_agent.lines.serial_bus import open_line
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.frames import crc16
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.readings.misses import Garbled, LateAnswer, LineDown, NoAnswer, RequestRefused
from quantrac.config.devices import BusKind
from quantrac.config.fields import parse_line

NETWORK_MS: Final = 500
FRAME_BITS: Final = {"modbus-rtu": 180, "modbus-ascii": 340}
"""A request of eight characters (ASCII: 17) and its short answer."""
GUARD_MS: Final = 20
NOISE_SHOWN: Final = 12
ECHO_ADVICE: Final = "the adapter repeats what is sent: `echo: true` on this bus"


class Discovery(NamedTuple):
    """Something that lives on the line."""

    kind: BusKind | Literal["noise"]
    """`noise`: bytes that are no frame and no text."""
    line: str
    """Line settings; empty behind a network."""
    address: str
    said: str
    """How it answered."""


class Searched(NamedTuple):
    """The result of a search: what answered, and the settings under which only noise came."""

    found: list[Discovery]
    noise: list[Discovery]
    """One for each setting under which bytes came that are no frame; none: the line was silent."""


Progress = Callable[[str], None]


def find(
    place: LinePlace, *, units: Sequence[int] | None, lines: Sequence[str], limit_s: float, say: Progress, clock: NowMs
) -> Searched:
    """Search for `limit_s` at most; blocking. `units` None: the usual ones, then all; `lines` empty: all settings.

    Raises LineDown.
    """
    search = _Search(place, units, lines, time.monotonic() + limit_s, say, clock)
    say(f"{place.text}: searching for {limit_s:g} s at most; Ctrl-C ends it and shows what was found")
    try:
        asyncio.run(search.network() if place.port is None else search.serial())
    except KeyboardInterrupt:
        say("ended by hand")
    if search.is_over:
        say(f"the time is over ({limit_s:g} s; --limit gives more)")
    return Searched(search.found, list(search.noise.values()))


@dataclass
class _Search:
    """A search at one place, until its time is over."""

    place: LinePlace
    wanted: Sequence[int] | None
    lines: Sequence[str]
    until: float
    say: Progress
    clock: NowMs
    found: list[Discovery] = field(default_factory=list)
    noise: dict[str, Discovery] = field(default_factory=dict)
    """By line settings."""
    echoes: bool = False
    """The adapter repeats what is sent."""

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    async def serial(self) -> None:
        for number in count():
            if number:
                self.say("nobody so far, once more, with more patience")
            for step in steps(self.lines, self.wanted, number):
                if isinstance(step, UnitStep):
                    await self.ask(step)
                    if self.found:
                        await self.ask(UnitStep(step.kind, step.line, self.wanted or ALL_UNITS, answer_ms=PATIENT_MS))
                else:
                    await self.text(step)
                if self.found or self.is_over:
                    return

    async def network(self) -> None:
        kinds: tuple[BusKind, ...] = ("modbus-tcp", "modbus-rtu-tcp", "modbus-ascii")
        for number in count():
            for kind in kinds:
                own = [0, 255] if kind == "modbus-tcp" else []
                units = self.wanted or [*own, *(ALL_UNITS if number else USUAL_UNITS)]
                await self.ask(UnitStep(kind, "", units, answer_ms=NETWORK_MS))
                if self.wanted is None and len(self.found) == len(units):
                    self.say(f"{self.place.text}: every unit number is answered: it is one instrument")
                elif self.found:
                    rest = self.wanted or [*own, *ALL_UNITS]
                    await self.ask(UnitStep(kind, "", rest, answer_ms=NETWORK_MS))
                if self.found or self.is_over:
                    return
            await self.text(TextStep("", LISTEN_S, sdi12=False))
            if self.found:
                return

    async def ask(self, step: UnitStep) -> None:
        """Ask units that have not been found, for each of the functions."""
        self.progress(step.line, f"{step.kind}, units {_brief(step.units)}")
        settings = parse_line(step.line) if step.line else None
        timing = Timing(step.answer_ms + (FRAME_BITS[step.kind] * 1000 // settings.baud if settings else 0))
        for function in step.functions:
            bus = ModbusBus(bus_at(self.place, step.kind, settings, GUARD_MS, echo=self.echoes), self.clock)
            try:
                for unit in step.units:
                    if self.is_over:
                        return
                    if not any(one.address == str(unit) for one in self.found):
                        await bus.open()
                        bus.begin(str(unit), None)
                        said = await self.answer(bus, step.line, unit, function, timing)
                        self.note(step.kind, step.line, unit, said)
                    for late in bus.heard_late():
                        self.note(step.kind, step.line, int(late), f"answers after {bus.late_ms(late)} ms: it is slow")
            finally:
                bus.close()

    def note(self, kind: BusKind, line: str, unit: int, said: str) -> None:
        """Note a unit that has answered, if it said something and is new."""
        if said and not any(one.address == str(unit) for one in self.found):
            self.say(f"unit {unit}: {said}")
            self.found.append(Discovery(kind, line, str(unit), said))

    async def answer(self, bus: ModbusBus, line: str, unit: int, function: Function, timing: Timing) -> str:
        """Return what a unit said to a request for one register, empty if that is no frame or nothing."""
        try:
            answer = await bus.read(unit, RegisterSpan(function, 0, 1), timing)
            return f"{function.name.lower()} register 0 = {answer.words[0]:04X}"
        except RequestRefused as refusal:
            return f"exception {refusal.code}: it lives"
        except LateAnswer as late:
            return str(late)
        except (Garbled, NoAnswer) as miss:
            sent = bytes((unit, function.value, 0, 0, 0, 1))
            sent += crc16(sent)
            if miss.heard.startswith(sent):
                self.note_echo()
            self.note_noise(line, miss.heard.removeprefix(sent))
        except LineDown:
            pass  # a gateway that ends the connection
        return ""

    def progress(self, line: str, what: str) -> None:
        left_s = max(0.0, self.until - time.monotonic())
        self.say(f"{left_s:5.0f} s left  {line}: {what}" if line else f"{left_s:5.0f} s left  {what}")

    def note_echo(self) -> None:
        if not self.echoes:
            self.echoes = True
            self.say(f"{self.place.text}: {ECHO_ADVICE}")

    def note_noise(self, line: str, heard: bytes) -> None:
        if heard.strip(b"\0\xff"):  # a line that floats between two answers
            shown = heard[:NOISE_SHOWN].hex(" ").upper()
            self.noise.setdefault(line, Discovery("noise", line, "", f"bytes that are no frame: {shown}"))

    async def text(self, step: TextStep) -> None:
        """Listen for a talker, and ask for SDI-12 sensors."""
        self.progress(step.line, "listening")
        line = open_line(bus_at(self.place, "ascii", parse_line(step.line) if step.line else None))
        try:
            await line.open()
            heard = await hear(line, min(step.listen_s, max(0.0, self.until - time.monotonic())))
            self.note_noise(step.line, heard.noise)
            if heard.text:
                self.found.append(Discovery("ascii", step.line, "", f"talks: {heard.text}"))
            elif step.sdi12 and not self.is_over:
                self.progress(step.line, "SDI-12, ?! and 0! to 9!")
                await self.sdi12(line, step.line)
        except LineDown:
            return
        finally:
            line.close()

    async def sdi12(self, line: ByteLine, settings: str) -> None:
        """Ask for SDI-12 sensors on an open line."""
        sensors = Sdi12Answers(line, lambda: self.is_over)
        for address in await sensors.addresses():
            said = await sensors.identity(address) or "SDI-12 address"
            self.found.append(Discovery("sdi-12", settings, address, said))
        self.note_noise(settings, sensors.noise)
        if sensors.echoes:
            self.note_echo()


def _brief(units: Sequence[int]) -> str:
    return ", ".join(map(str, units)) if len(units) <= 12 else f"{units[0]}-{units[-1]}"
