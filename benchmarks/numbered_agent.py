"""The real agent as a process of its own, with numbered records in place of instruments.

`python -m benchmarks.numbered_agent STATION RECORDS_A_SECOND`; everything else by environment, as for `edge run`.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import dataclass

from benchmarks.edge_spool import record
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.service import run
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.observe import logs


@dataclass(frozen=True)
class Clockwork:
    """Sampling that hands over a record whenever one is due."""

    per_second: float

    def __call__(self, _: Station, around: Surroundings, stop: threading.Event, __: FieldLink) -> None:
        """Sample until `stop` is set."""
        began, made = time.monotonic(), 0
        while not stop.wait(max(0.0, began + made / self.per_second - time.monotonic())):
            around.sink(record(made, time.time_ns() // 1_000_000))
            made += 1


def main() -> None:
    settings = Settings()
    logs.configure("json")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run(settings, sys.argv[1], stop=stop, sampling=Clockwork(float(sys.argv[2])))


if __name__ == "__main__":
    main()
