"""The real agent with a source of numbered records instead of instruments. Also run as a program, to be killed."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path

from edge_agent import desk
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from edge_agent.service import run
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.telemetry.states import State

STATION = "st-dai-ngai"
PROJECT = Path(__file__).parents[3]


class Numbers:
    """Sampling that makes one record every `every_s` until stopped; each has a time and a value of its own."""

    def __init__(self, every_s: float = 0.01, most: int = 10**9, channel: str = "do") -> None:
        self.every_s, self.most, self.channel = every_s, most, channel
        self.made = 0

    def __call__(self, station: Station, around: Surroundings, stop: threading.Event, link: FieldLink) -> None:
        around.sink(SlotRecord(time.time_ns() // 1_000_000, (), (StationEvent("restart", None, around.restart, 0),)))
        t_ms = time.time_ns() // 1_000_000
        while not stop.wait(self.every_s):
            if self.made < self.most:
                t_ms = max(t_ms + 1, time.time_ns() // 1_000_000)
                self.made += 1
                around.sink(SlotRecord(t_ms, (SlotReading(self.channel, float(self.made), State.OK),)))


def settings(url: str, state: Path) -> Settings:
    """Return the settings of an agent whose backfill is not held back by its rate."""
    config = state.parent / f"{state.name}-config"
    if not config.exists():
        shutil.copytree(PROJECT / "station_configs", config)
        file = config / "stations" / f"{STATION}.yaml"
        file.write_text(file.read_text().replace("max_rate: 50/s", "max_rate: 1000/s"))
    return Settings(mqtt_url=url, state_dir=state, config=config)


class Running:
    """The agent in a thread of this process."""

    def __init__(self, url: str, state: Path, sampling: Numbers) -> None:
        self.sampling = sampling
        self.stop = threading.Event()
        self.drained: bool | None = None
        self.folder = state / STATION
        self._thread = threading.Thread(target=self._run, args=(settings(url, state),), daemon=True)
        self._thread.start()

    def wait_made(self, count: int) -> None:
        deadline = time.monotonic() + 120
        while self.sampling.made < count:
            assert time.monotonic() < deadline, f"{self.sampling.made} of {count}"
            time.sleep(0.01)

    def answers(self) -> bool:
        """Whether its desk is open; the socket of one that was killed refuses until then."""
        try:
            desk.status(self.folder)
        except desk.AgentNotRunning:
            return False
        return True

    def end(self) -> None:
        self.stop.set()
        self._thread.join(60)

    def _run(self, found: Settings) -> None:
        self.drained = run(found, STATION, stop=self.stop, sampling=self.sampling)


if __name__ == "__main__":
    sys.exit(
        not run(settings(sys.argv[1], Path(sys.argv[2])), STATION, stop=threading.Event(), sampling=Numbers(0.002))
    )
