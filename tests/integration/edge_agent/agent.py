"""The real agent with a source of numbered records instead of instruments. Also run as a program, to be killed."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

from edge_agent import desk
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from edge_agent.service import run
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.telemetry.states import State
from tests.fixtures.timing import eventually

STATION = "st-dai-ngai"
PROJECT = Path(__file__).parents[3]
RESEND_AFTER_S = 1.5
"""In place of a minute, where a test is impatient."""


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


class AgentThread:
    """The agent of a station in a thread of this process; a context manager that ends it."""

    def __init__(self, found: Settings, station: str, **more: Any) -> None:
        """Start it; `more` goes to `edge_agent.service.run`."""
        self.stop = threading.Event()
        self.drained: bool | None = None
        self.folder = found.state_dir / station
        self._thread = threading.Thread(target=self._run, args=(found, station, more), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

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
        assert not self._thread.is_alive()

    def _run(self, found: Settings, station: str, more: dict[str, Any]) -> None:
        self.drained = run(found, station, stop=self.stop, **more)


class Running(AgentThread):
    """The agent of STATION with numbered records."""

    def __init__(self, url: str, state: Path, sampling: Numbers) -> None:
        self.sampling = sampling
        super().__init__(settings(url, state), STATION, sampling=sampling)

    def wait_made(self, count: int) -> None:
        eventually(lambda: self.sampling.made >= count)


if __name__ == "__main__":
    sys.exit(
        not run(settings(sys.argv[1], Path(sys.argv[2])), STATION, stop=threading.Event(), sampling=Numbers(0.002))
    )
