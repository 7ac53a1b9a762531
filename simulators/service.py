"""`quantrac simulate`: mounts the field, tells where its buses are, serves until told to stop."""

import asyncio
import inspect
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from simulators.field import FieldError, FieldPlan
from simulators.mounting import Station, load_recordings, mount_station

log = structlog.get_logger()
WATCH_S = 0.25


def run(
    plan: FieldPlan,
    *,
    stations: list[str],
    wiring: Path,
    journal_dir: Path,
    replay: list[Path],
    seed: int | None,
    stop: threading.Event,
    tell: Callable[[str], None],
    with_parent: bool = True,
) -> None:
    """Simulate `stations` (all if empty) until `stop` is set, or the process that started this one is gone.

    The wiring file is written when every instrument is on its bus. Raises FieldError (also for a TCP port that is
    taken), RecordingError, and OSError where the journal or the wiring file cannot be written.
    """
    chosen = stations or list(plan.stations)
    for station in chosen:
        if station not in plan.stations:
            raise FieldError(f"station {station!r} is not in the field: it has {', '.join(plan.stations)}")
    recordings = load_recordings(plan, chosen, replay)
    mounted = [
        mount_station(
            station, plan.stations[station], plan.seed if seed is None else seed, recordings, journal_dir, time.time
        )
        for station in chosen
    ]
    asyncio.run(_serve(mounted, wiring, stop, tell, os.getppid() if with_parent else None))


async def _serve(
    stations: list[Station], wiring: Path, stop: threading.Event, tell: Callable[[str], None], parent: int | None
) -> None:
    buses = [bus for station in stations for bus in station.buses]
    for bus in buses:
        try:
            await _finished(bus.start())
        except OSError as error:
            raise FieldError(
                f"{bus.key}: cannot listen on {bus.place()}: {error.strerror}; choose another port"
            ) from error
    write_wiring(wiring, {bus.key: bus.place() for bus in buses})
    for bus in buses:
        tell(f"{bus.key}  {bus.description}  {':'.join(str(part) for part in bus.place().values())}")
    log.info("field is up", stations=len(stations), buses=len(buses), wiring=str(wiring))
    while not await asyncio.to_thread(stop.wait, WATCH_S) and parent in (None, os.getppid()):
        pass
    for bus in buses:
        await _finished(bus.stop())
    for station in stations:
        station.journal.close()
    log.info("field is down", reason="stopped" if stop.is_set() else "the process that started it is gone")


async def _finished(result: object) -> None:
    if inspect.isawaitable(result):
        await result


def write_wiring(path: Path, places: dict[str, dict[str, str | int]]) -> None:
    """Write the wiring file (JSON, which is YAML) whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({"schema": "quantrac/wiring/1", "buses": places}, indent=2) + "\n", "utf-8")
    draft.replace(path)
