"""A sensor on an SDI-12 line behind a transparent adapter.

A measurement by ``aM!`` holds the line until the sensor's service request. One by ``aC!`` does not: the sensor answers
how long it takes, measures by itself, and keeps the values until the next command to it, so that the sensors of a line
measure at the same time, and the values of each are fetched when it is ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from edge_agent.instruments import sdi12
from edge_agent.instruments.sdi12 import Announcement
from edge_agent.instruments.text_instrument import AskedInstrument, AskingBus, TextPart
from edge_agent.lines.endings import LINE, Fence, bare
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.lines.instrument import Unsuitable
from edge_agent.readings.misses import Garbled, LateAnswer, NoAnswer, RequestRefused
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, Sample, measured
from quantrac.config.serial import Sdi12Profile, Sdi12Signal
from quantrac.config.stations import Device
from quantrac.telemetry.states import State, worst

SERVICE_REQUEST_SLACK_S: Final = 1.0
MOST_DATA_COMMANDS: Final = 10
KEPT_S: Final = 10.0
"""Values that were not fetched for so long after they were ready are measured anew."""


class _Begun(NamedTuple):
    """A concurrent measurement under way."""

    part: TextPart
    announced: Announcement
    ready: float
    """Loop time."""


class Sdi12Sensor(AskedInstrument):
    """A sensor on an SDI-12 line behind a transparent adapter."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, Sdi12Profile) or not isinstance(device.address, str):
            raise Unsuitable(f'{device.name}: an sdi-12 bus needs an SDI-12 profile and an address such as "0"')
        self._profile: Sdi12Profile = device.profile
        self._address: str = device.address
        self._ending = LINE._replace(head=self._address.encode("ascii"))
        self._fence = Fence(f"{self._address}!".encode("ascii"), bare(self._address))
        self._verified_ms: int | None = None
        self._verdict = State.OK
        self._begun: _Begun | None = None

    def parts(self) -> Sequence[TextPart]:
        """Return the measurements that a sample takes."""
        kinds = dict.fromkeys(self._profile.signals[name].measure for name in self._wanted)
        return tuple(
            TextPart(kind, tuple(name for name in self._wanted if self._profile.signals[name].measure == kind))
            for kind in kinds
        )

    async def begin(self, part: AnyPart) -> int:
        """Have a part measured if it is one of ``aC!``, and return in how many ms it is ready; raises Miss."""
        assert isinstance(part, TextPart)
        if part.command[0] != "C":
            return 0
        now = asyncio.get_running_loop().time()
        if self._begun is None or self._begun.part != part or now > self._begun.ready + KEPT_S:
            self._begun = None
            await self._verify()
            announced = await self._announced(self._command_of(part))
            self._begun = _Begun(part, announced, asyncio.get_running_loop().time() + announced.seconds)
        return max(0, round((self._begun.ready - asyncio.get_running_loop().time()) * 1000))

    async def read(self, part: AnyPart) -> list[Sample]:
        """Let the sensor measure if it has not, and fetch the values; raises Miss."""
        assert isinstance(part, TextPart)
        if part.command[0] == "C":
            sent_ms, values = await self._fetch(part)
        else:
            await self._verify()
            sent_ms, values = await self._measure(self._command_of(part), part.command[0])
        return [Sample(name, sent_ms, *self._measured(name, values)) for name in part.signals]

    async def probe(self) -> None:
        """Ask whether anybody has this address (`a!`), which ends a measurement under way; raises Miss."""
        self._begun = None
        answer = await self._command(f"{self._address}!")
        if answer[1] != self._address:
            raise Garbled(f"{self._address}! was answered by {answer[1]!r}")

    async def _verify(self) -> None:
        """Ask for the sensor's own verdict (`aV!`) when it is time again."""
        verify = self._profile.verify
        if verify is None or (self._verified_ms and self._bus.now_ms() - self._verified_ms < verify.every_ms):
            return
        _, values = await self._measure(f"{self._address}V!", "M", crc=False)
        if len(values) < verify.value:
            raise Garbled(f"{self._address}V! gave {len(values)} values, expected {verify.value}")
        self._verdict = self._profile.states[verify.table].state_of(int(values[verify.value - 1]))
        self._verified_ms = self._bus.now_ms()

    def _command_of(self, part: TextPart) -> str:
        return sdi12.measurement_command(self._address, part.command, crc=self._profile.crc)

    async def _fetch(self, part: TextPart) -> tuple[int, list[float]]:
        """Return the values of a concurrent measurement, begun now if it was not.

        After a damaged answer they are still there: the next try asks for them again. Not so after one that is owed:
        the fence ends the measurement.
        """
        await asyncio.sleep(await self.begin(part) / 1000)
        assert self._begun is not None
        try:
            found = await self._data(self._begun.announced.values, crc=self._profile.crc)
        except (RequestRefused, NoAnswer, LateAnswer):
            self._begun = None
            raise
        except Garbled:
            if self._bus.owed_ms(self._fence.request):
                self._begun = None
            raise
        self._begun = None
        return found

    async def _measure(self, command: str, kind: str, *, crc: bool | None = None) -> tuple[int, list[float]]:
        """Return the values of a measurement and when their (first) data command was sent."""
        checked = self._profile.crc if crc is None else crc
        self._begun = None
        if kind == "R":
            sent_ms, line = await self._command(command)
            return sent_ms, sdi12.parse_data(line, self._address, crc=checked)
        announced = await self._announced(command)
        if announced.seconds:
            await self._service_request(announced.seconds)
        return await self._data(announced.values, crc=checked)

    async def _announced(self, command: str) -> Announcement:
        _, line = await self._command(command)
        announced = sdi12.parse_announcement(line, self._address)
        if announced.values == 0:
            raise RequestRefused(f"{command} announces no values")
        return announced

    async def _service_request(self, seconds: int) -> None:
        """Wait for the sensor's service request, or until its time has passed."""
        try:
            await self._bus.listen(LINE, round((seconds + SERVICE_REQUEST_SLACK_S) * 1000))
        except NoAnswer:
            return

    async def _data(self, expected: int, *, crc: bool) -> tuple[int, list[float]]:
        first_ms, values = 0, list[float]()
        for number in range(MOST_DATA_COMMANDS):
            sent_ms, line = await self._command(f"{self._address}D{number}!")
            first_ms = first_ms or sent_ms
            got = sdi12.parse_data(line, self._address, crc=crc)
            values += got
            if not got or len(values) >= expected:
                break
        if not values:
            raise RequestRefused(f"sensor {self._address} gave up its measurement")
        if len(values) != expected:
            raise Garbled(f"sensor {self._address} announced {expected} values and gave {len(values)}")
        return first_ms, values

    async def _command(self, command: str) -> tuple[int, str]:
        sent_ms, raw = await self._ask(command.encode("ascii"), self._ending, self._fence)
        line = raw.decode("latin-1").strip("\r\n\0\xff")
        return sent_ms, line.removeprefix(command)

    def _measured(self, name: str, values: Sequence[float]) -> Measured:
        signal = self._profile.signals[name]
        if signal.value > len(values):
            return NO_MEASUREMENT._replace(why=f"gives {len(values)} values, not {signal.value}")
        return measured(signal, values[signal.value - 1], worst((self._verdict, self._status(signal, values))))

    def _status(self, signal: Sdi12Signal, values: Sequence[float]) -> State:
        if signal.status is None:
            return State.OK
        if signal.status.value > len(values):
            return State.FAULT
        return self._profile.states[signal.status.table].state_of(int(values[signal.status.value - 1]))
