"""The field: starts the stations' buses, reports where they are, switches faults, stops them."""

import asyncio
import inspect
from collections.abc import Sequence
from pathlib import Path

from quantrac.observe.logs import logger
from simulators.buses.line_faults import TICK_S
from simulators.faults.book import check
from simulators.faults.fault import Fault, FaultError
from simulators.faults.grammar import parse_faults
from simulators.field.plan import FieldError
from simulators.field.station import SimulatedStation

log = logger(__name__)
LOOK_S = 0.25
"""How often the file of faults is looked at."""


class SimulatedField:
    """Stations that serve, with the faults that were asked for; `fault_file` may change them at any time."""

    def __init__(
        self, stations: Sequence[SimulatedStation], faults: Sequence[Fault] = (), fault_file: Path | None = None
    ) -> None:
        """Raises FaultError for a fault that strikes nobody, or a file of faults that cannot be used."""
        self._stations, self._faults, self._fault_file = stations, faults, fault_file
        self._places = [place for station in stations for place in station.places]
        self._text = ""
        check(faults, self._places)
        self._switch(self._read_faults())

    async def start(self) -> dict[str, dict[str, str | int]]:
        """Start every bus and return where each one is; raises FieldError if a port is taken."""
        for station in self._stations:
            for bus in station.buses:
                try:
                    await _finished(bus.start())
                except OSError as error:
                    raise FieldError(
                        f"{bus.key}: cannot listen on {bus.place()}: {error.strerror}; choose another port"
                    ) from error
        self._watching = asyncio.create_task(self._watch())
        return {bus.key: bus.place() for station in self._stations for bus in station.buses}

    async def stop(self) -> None:
        """Stop every bus and close the journals."""
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        for station in self._stations:
            for bus in station.buses:
                await _finished(bus.stop())
            station.journal.close()

    async def _watch(self) -> None:
        """Keep lines in the state that their faults demand, and the faults in the state that their file demands."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            for bus in (bus for station in self._stations for bus in station.buses):
                await bus.faults.tick()
            if self._fault_file is not None and loop.time() - looked >= LOOK_S:
                looked = loop.time()
                self._look_again()
            struck = any(station.book.strikes_at_all() for station in self._stations)
            await asyncio.sleep(TICK_S if struck else LOOK_S)

    def _look_again(self) -> None:
        try:
            self._switch(self._read_faults())
        except FaultError as error:
            log.warning("faults_refused", why=str(error))

    def _read_faults(self) -> list[Fault] | None:
        """Return the faults of the file, None if it has not changed; a missing file holds none."""
        if self._fault_file is None:
            return []
        try:
            text = self._fault_file.read_text("utf-8")
        except FileNotFoundError:
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            raise FaultError(f"{self._fault_file}: cannot be read: {error}") from error
        if text == self._text:
            return None
        self._text = text
        faults = parse_faults(text)
        check(faults, self._places)
        log.info("faults_switched", faults=[fault.text for fault in faults])
        return faults

    def _switch(self, switched: Sequence[Fault] | None) -> None:
        if switched is not None:
            for station in self._stations:
                station.book.switch([*self._faults, *switched])


async def _finished(result: object) -> None:
    if inspect.isawaitable(result):
        await result
