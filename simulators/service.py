"""`quantrac simulate`: starts the field, prints where its buses are, serves until it is stopped."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quantrac.observe.logs import logger
from simulators.faults.fault import Fault
from simulators.field.field import SimulatedField
from simulators.field.plan import FieldError, FieldPlan
from simulators.field.station import SimulatedStation, load_recordings, mount_station

log = logger(__name__)
WATCH_S = 0.25


@dataclass(frozen=True)
class Asked:
    """The wishes of a run: stations (all if empty), where to write, and what differs from the field file."""

    wiring: Path
    journal_dir: Path
    stations: Sequence[str] = ()
    replay: Sequence[Path] = ()
    seed: int | None = None
    faults: Sequence[Fault] = field(default=())
    fault_file: Path | None = None
    """Faults that may change during the run; `faults` are always on."""
    with_parent: bool = False
    """End when the process that started this one is gone."""


def run(plan: FieldPlan, asked: Asked, *, stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Simulate until `stop` is set, or, where asked for, the process that started this one is gone.

    The wiring file is written when every instrument is on its bus. Serial ports have stable names in a folder beside
    it: the number of a pseudo-terminal goes to another program as soon as this one has ended, and an agent must not
    follow it. Raises FieldError (also for a TCP port that is taken), FaultError, RecordingError, and OSError where the
    journal or the wiring file cannot be written.
    """
    chosen = list(asked.stations) or list(plan.stations)
    for station in chosen:
        if station not in plan.stations:
            raise FieldError(f"station {station!r} is not in the field: it has {', '.join(plan.stations)}")
    recordings = load_recordings(plan, chosen, list(asked.replay))
    seed = plan.seed if asked.seed is None else asked.seed
    ports = asked.wiring.absolute().with_suffix(".ports")
    mounted = [
        mount_station(station, plan.stations[station], seed, recordings, asked.journal_dir, time.time, ports=ports)
        for station in chosen
    ]
    asyncio.run(_serve(mounted, asked, stop, tell))


async def _serve(
    stations: Sequence[SimulatedStation], asked: Asked, stop: threading.Event, tell: Callable[[str], None]
) -> None:
    parent = os.getppid() if asked.with_parent else None
    served = SimulatedField(stations, asked.faults, asked.fault_file)
    places = await served.start()
    write_wiring(asked.wiring, places)
    for bus in (bus for station in stations for bus in station.buses):
        tell(f"{bus.key}  {bus.description}  {':'.join(str(part) for part in places[bus.key].values())}")
    log.info("field_started", stations=len(stations), buses=len(places), wiring=str(asked.wiring))
    while not await asyncio.to_thread(stop.wait, WATCH_S) and parent in (None, os.getppid()):
        pass
    await served.stop()
    log.info("field_stopped", reason="stopped" if stop.is_set() else "the process that started it is gone")


def write_wiring(path: Path, places: dict[str, dict[str, str | int]]) -> None:
    """Write the wiring file (JSON, which is YAML) whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"schema": "quantrac/wiring/1", "buses": places}, indent=2) + "\n", "utf-8")
    draft.replace(path)
