"""A line that no station file knows: its place, a bus on it for looking round, and registers read from a unit."""

from __future__ import annotations

from typing import Final, NamedTuple

from edge_agent.clocks.clock import NowMs
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.request_plan import RegisterSpan
from edge_agent.readings.misses import RequestRefused
from quantrac.config.devices import BusKind
from quantrac.config.fields import LineSettings
from quantrac.config.stations import Bus

GUARD_MS: Final = 60


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


def bus_at(
    place: LinePlace, kind: BusKind, line: LineSettings | None, guard_ms: int = GUARD_MS, *, echo: bool = False
) -> Bus:
    """Return a bus for looking round."""
    return Bus(
        name="probe", kind=kind, port=place.port, line=line, host=place.host, tcp_port=place.tcp_port,
        guard_ms=guard_ms, echo=echo,
    )  # fmt: skip


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
