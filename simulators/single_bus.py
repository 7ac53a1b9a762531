"""One bus of simulated instruments with faults, on a thread of its own: for benchmarks and tests."""

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from simulators.faults.book import check
from simulators.faults.grammar import parse_fault
from simulators.field.field import SimulatedField
from simulators.field.plan import BusPlan, ScriptPlan, StationPlan
from simulators.field.station import Recordings, mount_station
from simulators.signals.air import AirMass
from simulators.signals.water import WaterBody

STATION: Final = "st-bench"
BUS: Final = "bus"
START_S: Final = 60.0


class SingleBus:
    """Instruments on one line or TCP address, by the field file's own words.

        with SingleBus({"kind": "modbus-rtu", "line": "9600 8N1", "instruments": [
                           {"instrument": "tally", "address": 1}, {"instrument": "tally", "address": 2}]},
                       faults=["late:0.45s,0.2@2", "garble:0.1@2"], journal_dir=folder) as bus:
            ...                                    # read bus.place: {"port": …} or {"host": …, "port": …}
            bus.switch(["dead@1"])                 # other faults from now on
        for entry in bus.served(): ...             # the journal
        for exchange in bus.struck(): ...          # what a fault hit, with its bytes

    Its station has water and air of the model, so that every instrument of the field file can be mounted. A port has a
    stable name in `journal_dir`, so that it can be unplugged.
    """

    def __init__(self, bus: Mapping[str, Any], faults: Sequence[str] = (), *, journal_dir: Path, seed: int = 1) -> None:
        """Mount; raises pydantic's ValidationError, FieldError or FaultError, each saying what is wrong."""
        self._journal_dir = journal_dir
        plan = StationPlan(
            water=WaterBody(), air=AirMass(), buses={BUS: BusPlan.model_validate(bus)}, script=ScriptPlan()
        )
        clock = time.time  # noqa: TID251 (a loop starts here)
        ports = journal_dir / "ports"
        self._station = mount_station(STATION, plan, seed, Recordings(None, None), journal_dir, clock, ports=ports)
        self._field = SimulatedField([self._station], [])
        self.switch(faults)
        self.place: dict[str, str | int] = {}

    def switch(self, faults: Sequence[str]) -> None:
        """Let these faults be on and no others; times count from the first request. Raises FaultError."""
        parsed = [parse_fault(fault) for fault in faults]
        check(parsed, self._station.places)
        self._station.book.switch(parsed)

    def served(self) -> list[dict[str, Any]]:
        """Every value put into an answer so far, as the journal has it."""
        return self._lines("jsonl")

    def struck(self) -> list[dict[str, Any]]:
        """Every exchange so far that a fault hit: `t`, `left`, `address`, `faults`, `request`, `made`, `wire`."""
        return self._lines("faults")

    def _lines(self, suffix: str) -> list[dict[str, Any]]:
        file = self._journal_dir / f"{STATION}.{suffix}"
        return [msgspec.json.decode(line) for line in file.read_bytes().splitlines()] if file.exists() else []

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="single-bus", daemon=True)
        self._thread.start()
        places = asyncio.run_coroutine_threadsafe(self._field.start(), self._loop).result(START_S)
        self.place = places[f"{STATION}/{BUS}"]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._field.stop(), self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
