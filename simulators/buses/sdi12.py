"""SDI-12 sensors behind a transparent serial adapter.

The adapter's serial side runs at its own setting (often 9600 8N1); behind it the sensor line crawls at 1200 baud 7E1,
with a break before each command. Both are paced. Commands: a! ?! aI! aAb! aM! aC! aD0! to aD9! aR0! to aR9! aV!, and
with CRC aMC! aCC! aRC0!.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulators.buses.checksums import crc_characters
from simulators.buses.journal import ServedValue
from simulators.buses.line_server import LineServer
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment
from simulators.lines.serial_line import SerialLine
from simulators.lines.wire import Wire, WireSettings

SENSOR_LINE = WireSettings(1200, 7, "E", 1)
BREAK_AND_MARKING_S = 0.021
RESPONSE_S = 0.012  # a sensor starts its answer within 15 ms
M_LIMIT, C_LIMIT = 35, 75  # characters of values in one answer
COMMAND = re.compile(r"(?P<address>[0-9A-Za-z?])(?P<body>[A-Za-z0-9_]*)!")


@dataclass(frozen=True)
class SensorValue:
    """One value of a measurement: as text with its sign, and for the journal."""

    text: str
    served: ServedValue | None = None


class Sdi12Instrument(Protocol):
    """An SDI-12 sensor: its identification, its measuring time and its values."""

    identification: str
    measuring_s: float

    def measure(self, t: float) -> list[SensorValue]:
        """The values at Unix time `t`, in order."""

    def verify(self, t: float) -> list[SensorValue]:
        """The values of the verification command."""


@dataclass
class _Sensor:
    """The state that the protocol keeps for one sensor: what was measured last, and how it is to be sent."""

    mount: Mount[Sdi12Instrument]
    values: list[SensorValue] = field(default_factory=list)
    limit: int = M_LIMIT
    crc: bool = False
    running: asyncio.TimerHandle | None = None

    def group(self, number: int) -> list[SensorValue]:
        """The values of `aD<number>!`, as many in each answer as fit."""
        groups: list[list[SensorValue]] = [[]]
        length = 0
        for value in self.values:
            if groups[-1] and length + len(value.text) > self.limit:
                groups.append([])
                length = 0
            groups[-1].append(value)
            length += len(value.text)
        return groups[number] if number < len(groups) else []


class Sdi12Bus(LineServer):
    """Sensors on one adapter. Nobody answers for an address that is not there."""

    def __init__(
        self, line: SerialLine, mounts: Mapping[str, Mount[Sdi12Instrument]], clock: Callable[[], float]
    ) -> None:
        super().__init__(line, clock)
        self._sensors = {address: _Sensor(mount) for address, mount in mounts.items()}
        self._wire = Wire(SENSOR_LINE)
        self._buffer = ""

    def _receive(self, data: bytes) -> None:
        self._buffer = (self._buffer + data.decode("ascii", "replace"))[-64:]
        while "!" in self._buffer:
            end = self._buffer.index("!") + 1
            heard, self._buffer = self._buffer[:end], self._buffer[end:]
            if match := COMMAND.search(heard):
                self._forward(match)

    def _forward(self, match: re.Match[str]) -> None:
        """The command crosses the sensor line, then the sensor answers."""
        self._wire.put_whole(b" " * round(BREAK_AND_MARKING_S / self._wire.character_s), self._loop.time())
        for due, _ in self._wire.put_whole(match[0].encode(), self._loop.time()):
            self._loop.call_at(due, self._command, match["address"], match["body"])

    def _command(self, address: str, body: str) -> None:
        if address == "?" and len(self._sensors) == 1:
            address = next(iter(self._sensors))
        sensor = self._sensors.get(address)
        if sensor is None:
            return
        if sensor.running is not None:  # a new command aborts a measurement
            sensor.running.cancel()
            sensor.running = None
        self._ask(
            sensor.mount, f"{address}{body}!", lambda treatment: self._answer(sensor, body, treatment),
            RESPONSE_S - sensor.mount.latency_s,
        )  # fmt: skip

    def _answer(self, sensor: _Sensor, body: str, treatment: Treatment) -> None:
        address, t = sensor.mount.address, sensor.mount.seen(self._clock())
        if body == "":
            self._say(sensor, address, treatment)
        elif body == "I":
            self._say(sensor, address + sensor.mount.instrument.identification, treatment)
        elif match := re.fullmatch(r"A([0-9A-Za-z])", body):
            self._readdress(sensor, match[1], treatment)
        elif match := re.fullmatch(r"([MCV])(C?)(\d?)", body):
            self._begin(sensor, match[1], bool(match[2]), match[3], treatment)
        elif match := re.fullmatch(r"D(\d)", body):
            self._say_values(sensor, sensor.group(int(match[1])), sensor.crc, treatment)
        elif match := re.fullmatch(r"R(C?)(\d)", body):
            sensor.values = sensor.mount.instrument.measure(t) if match[2] == "0" else []
            sensor.limit = C_LIMIT
            self._say_values(sensor, sensor.group(0), bool(match[1]), treatment)

    def _readdress(self, sensor: _Sensor, address: str, treatment: Treatment) -> None:
        if address not in self._sensors:
            self._sensors[address] = self._sensors.pop(sensor.mount.address)
            sensor.mount.address = address
        self._say(sensor, sensor.mount.address, treatment)

    def _begin(self, sensor: _Sensor, kind: str, crc: bool, set_number: str, treatment: Treatment) -> None:
        """`aM!`, `aC!`, `aV!`: say how long and how many, measure, and for M and V ask to be served."""
        instrument, t = sensor.mount.instrument, sensor.mount.seen(self._clock())
        sensor.crc, sensor.limit, sensor.values = crc, C_LIMIT if kind == "C" else M_LIMIT, []
        wait_s = 0.0 if kind == "V" else instrument.measuring_s
        promised = instrument.verify(t) if kind == "V" else instrument.measure(t) if set_number in ("", "0") else []
        seconds = -int(-wait_s // 1) if promised else 0
        count = f"{len(promised):0{2 if kind == 'C' else 1}d}"
        self._say(sensor, f"{sensor.mount.address}{seconds:03d}{count}", treatment)
        if seconds == 0:
            sensor.values = promised
        else:
            sensor.running = self._loop.call_later(wait_s, self._ready, sensor, kind)

    def _ready(self, sensor: _Sensor, kind: str) -> None:
        sensor.running = None
        sensor.values = sensor.mount.instrument.measure(sensor.mount.seen(self._clock()))
        if kind == "M":
            self._say(sensor, sensor.mount.address, Treatment())

    def _say_values(self, sensor: _Sensor, values: list[SensorValue], crc: bool, treatment: Treatment) -> None:
        served = [value.served for value in values if value.served is not None]
        sensor.mount.record(self._clock(), served, treatment)
        text = sensor.mount.address + "".join(value.text for value in values)
        self._say(sensor, text + (crc_characters(text) if crc else ""), treatment)

    def _say(self, sensor: _Sensor, text: str, treatment: Treatment) -> None:
        self._send_text(sensor.mount, treatment, b"", text.encode("ascii") + b"\r\n", self._crawl)

    def _crawl(self, data: bytes) -> None:
        for due, piece in self._wire.put(data, self._loop.time()):
            self._loop.call_at(due, self._line.send, piece)
