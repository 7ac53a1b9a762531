"""The simulated field of the edge's benchmarks: instruments in a process of their own, and stations to read them."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers import PROJECT, running, wait_until
from quantrac.config.bus_places import load_wiring
from quantrac.config.loader import load_network
from quantrac.config.stations import Station

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Field:
    """Instruments that serve."""

    folder: Path
    configs: Path
    wiring: Path

    def station(self, name: str) -> Station:
        """Return one of the stations beside this file, its buses at their places."""
        return load_wiring(self.wiring).wire(load_network(self.configs).stations[name])

    def place(self, bus: str) -> dict[str, Any]:
        """Return where a bus (`station/bus`) is: `port`, or `host` and `port`."""
        places: dict[str, dict[str, Any]] = json.loads(self.wiring.read_text())["buses"]
        return places[bus]

    def journal(self, station: str, bus: str) -> list[dict[str, Any]]:
        """Return the journal of a bus."""
        return self._entries(f"{station}.jsonl", bus)

    def faults(self, station: str, bus: str) -> list[dict[str, Any]]:
        """Return the exchanges of a bus that a fault hit."""
        return self._entries(f"{station}.faults", bus)

    def _entries(self, file: str, bus: str) -> list[dict[str, Any]]:
        lines = (self.folder / "journal" / file).read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if entry["bus"] == bus]


@contextlib.contextmanager
def simulated(stations: Sequence[str], faults: Sequence[str] = ()) -> Iterator[Field]:
    """Serve stations of `field.yaml` until the block ends."""
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as made:
        folder = Path(made)
        field, log = Field(folder, folder / "configs", folder / "wiring.yaml"), folder / "simulate.log"
        shutil.copytree(PROJECT / "station_configs", field.configs, ignore=shutil.ignore_patterns("demo", "rules"))
        for file in HERE.glob("st-*.yaml"):
            shutil.copy(file, field.configs / "stations")
        command = ["quantrac", "simulate", "--field", str(HERE / "field.yaml"), "--seed", "11"]
        command += ["--wiring", str(field.wiring), "--journal", str(folder / "journal")]
        command += [word for station in stations for word in ("--station", station)]
        command += [word for fault in faults for word in ("--fault", fault)]
        with running(log, *command) as process:
            wait_until(field.wiring.exists, process, log)
            yield field
