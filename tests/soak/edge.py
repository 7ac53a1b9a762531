"""`./dev soak --edge [minutes | --faults N]`: edge agents under random faults, judged by their instruments' journals.

Three stations on real ports (RS-485, SDI-12, Modbus TCP, Bayern-Hessen, a weather station), their agents, broker,
ingest and database. At random an agent is killed (SIGKILL: four of five faults), its line cut or struck deaf, its disk
full, the broker killed or restarted, ingest killed. In the end every message of every spool must be stored once, both
books must balance, every stored value must be what the instruments say they served, every slot must be there, null only
where the agent was down, and no message may have been published more often than the rules of resending allow.
"""

from __future__ import annotations

import argparse
import heapq
import json
import logging
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import psycopg

from quantrac.cli.demo.servers import prepare_database
from quantrac.config.loader import load_network
from quantrac.observe import logs
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.place import private_folder
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.simulation import simulated
from tests.integration.ingest.conftest import RunningIngest
from tests.soak.edge_agent_process import AgentProcess
from tests.soak.edge_publishes import Publishes
from tests.soak.edge_verdict import judge

PROJECT: Final = Path(__file__).parents[2]
STATIONS: Final = ("st-tran-de", "st-cu-lao-dung", "st-tp-soc-trang")
SLOW_DEVICES: Final = {"st-tp-soc-trang": ("dust",), **dict.fromkeys(("st-tran-de", "st-cu-lao-dung", "st-dai-ngai",
                                                                       "st-my-thanh"), ("gauge",))}  # fmt: skip
WEIGHTS: Final = {
    "agent killed": 80, "line cut": 8, "line deaf": 3, "disk full": 3, "broker killed": 2, "broker restarted": 2,
    "ingest killed": 2,
}  # fmt: skip
DRAIN_S: Final = 240.0
UNANSWERED_SHARE: Final = 0.05
"""Share of late replies, of all that was compared, that a busy machine may bring about."""


class Soak:
    """Everything that runs, the faults, and what must still be mended."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self._rng = folder, rng
        self.faults: Counter[str] = Counter()
        self._mends: list[tuple[float, int, Callable[[], None]]] = []
        self._away: set[str] = set()
        self.network = load_network(configuration(folder / "config"), "soak")
        self.postgres = PrivatePostgres(folder / "pg")
        self.broker = PrivateMosquitto(folder / "mq", stations=STATIONS)
        self.postgres.start()
        self.broker.start()
        self.database = self.postgres.create_database("soak")
        prepare_database(self.database, self.network)
        self._closing = ExitStack()
        self._simulate = self._closing.enter_context(simulated(folder, *(f"--station={name}" for name in STATIONS)))
        self.ingest = RunningIngest(self.database, self.broker, folder / "ingest.log")
        self.ingest.start(wait=False)
        self.publishes = Publishes(self.broker.url("ingest"))
        self.publishes.start()
        environment = {"QUANTRAC_CONFIG": str(folder / "config"), "QUANTRAC_OVERLAY": "soak",
                       "QUANTRAC_STATE_DIR": str(folder / "state"),
                       "QUANTRAC_WIRING": str(folder / "wiring.yaml")}  # fmt: skip
        self.agents = [
            AgentProcess(name, self.broker.url(name), self.broker.port, environment, folder) for name in STATIONS
        ]
        for agent in self.agents:
            agent.start()

    def step(self) -> None:
        """Wait a moment, mend what is due, and let one thing go wrong."""
        until = time.monotonic() + self._rng.uniform(0.2, 1.6)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))
            self.mend()
        self._fault(self._rng.choices([*WEIGHTS], [*WEIGHTS.values()])[0])

    def mend(self, everything: bool = False) -> None:
        """Do what is due."""
        while self._mends and (everything or self._mends[0][0] <= time.monotonic()):
            heapq.heappop(self._mends)[2]()

    def check(self) -> None:
        """Nothing may end that was not made to."""
        for agent in self.agents:
            assert not agent.has_ended, f"the agent of {agent.station} has ended by itself: {self.folder}"
        assert self._simulate.poll() is None, "the instruments have ended"
        assert "ingest" in self._away or self.ingest.process.poll() is None, self.ingest.log.read_text()[-3000:]

    def close(self) -> None:
        """Stop all of it."""
        for agent in self.agents:
            agent.stop()
        self._closing.close()
        self.publishes.stop()
        self.ingest.stop()
        self.broker.stop()
        self.postgres.stop()

    def _fault(self, name: str) -> None:
        free = [a for a in self.agents if not (a.is_down or a.disk_is_full or (a.line_is_down and "line" in name))]
        free = [a for a in free if name != "disk full" or a.has_begun]
        agent = self._rng.choice(free) if free else None
        happens: dict[str, Callable[[], bool]] = {
            "agent killed": lambda: agent is not None and self._kill(agent),
            "line cut": lambda: agent is not None and self._line(agent, agent.line.cut, self._rng.uniform(0.1, 6)),
            "line deaf": lambda: agent is not None and self._line(agent, agent.line.deaf, self._rng.uniform(1, 6)),
            "disk full": lambda: agent is not None and self._fill_disk(agent),
            "broker killed": lambda: self._broker(self.broker.kill),
            "broker restarted": lambda: self._broker(self.broker.stop),
            "ingest killed": self._kill_ingest,
        }
        self.faults[name] += happens[name]()

    def _later(self, after_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._mends, (time.monotonic() + after_s, self.faults.total() + len(self._mends), what))

    def _kill(self, agent: AgentProcess) -> bool:
        agent.kill()
        self._later(self._rng.choice([0.0, 0.0, 0.0, self._rng.uniform(0, 4)]), agent.start)
        return True

    def _line(self, agent: AgentProcess, breaks: Callable[[], None], for_s: float) -> bool:
        began_s, agent.line_is_down = time.time(), True
        breaks()

        def mend() -> None:
            agent.line.restore()
            agent.line_is_down = False
            agent.note_trouble(began_s)

        self._later(for_s, mend)
        return True

    def _fill_disk(self, agent: AgentProcess) -> bool:
        """An agent that is killed now would lose what it could not store: none is until it has stored it."""
        agent.fill_disk()

        def look() -> None:
            agent.disk_is_full = not agent.disk_serves
            if agent.disk_is_full:
                self._later(0.5, look)

        def free() -> None:
            agent.free_disk()
            self._later(2.5, look)

        self._later(self._rng.uniform(0.5, 4), free)
        return True

    def _broker(self, end: Callable[[], None]) -> bool:
        began_s = time.time()

        def start() -> None:
            self.broker.start()
            for agent in self.agents:
                agent.note_trouble(began_s)

        return self._outage("broker", end, start, 3)

    def _kill_ingest(self) -> bool:
        return self._outage("ingest", self.ingest.kill, lambda: self.ingest.start(wait=False), 5)

    def _outage(self, name: str, end: Callable[[], None], start: Callable[[], None], longest_s: float) -> bool:
        if name in self._away:
            return False
        self._away.add(name)
        end()

        def mend() -> None:
            start()
            self._away.discard(name)

        self._later(self._rng.uniform(0.1, longest_s), mend)
        return True


def configuration(folder: Path) -> Path:
    """Copy the station files, with an overlay of short slots."""
    shutil.copytree(PROJECT / "station_configs", folder)
    overlay = folder / "soak"
    (overlay / "stations").mkdir(parents=True)
    (overlay / "network.yaml").write_text("defaults: {sample: 1s, report: 2s, housekeeping: 2s}\n")
    for file in (folder / "stations").glob("*.yaml"):
        devices = dict.fromkeys(SLOW_DEVICES.get(file.stem, ()), "{sample: 5s, report: 5s}")
        if file.stem == "st-tp-soc-trang":  # nobody calibrates the simulated analysers
            devices |= dict.fromkeys(("ozone", "sulphur", "nitrogen", "carbon"), "{calibration: null}")
        lines = "".join(f"  {name}: {text}\n" for name, text in devices.items())
        (overlay / "stations" / file.name).write_text(
            f"{'devices:' if lines else ''}\n{lines}backfill: {{max_rate: 500/s}}\nspool: {{size: 50GB}}\n"
        )
    return folder


def finish(soak: Soak) -> list[str]:
    """Mend everything and let every agent send what it has; returns what did not end well."""
    deadline = time.monotonic() + 60
    while soak._mends and time.monotonic() < deadline:
        soak.mend(everything=True)
        time.sleep(0.1)
    time.sleep(15)  # whole slots once more, in peace
    soak.check()
    ended_s = time.time()
    wrong = [f"{agent.station} has not drained" for agent in soak.agents if not agent.drain(DRAIN_S)]
    for agent in soak.agents:
        agent.lives[-1].ended_s = ended_s
    return wrong


def verdict(soak: Soak, wrong: list[str]) -> dict[str, object]:
    """Judge every station."""
    stations = []
    with psycopg.connect(soak.database, autocommit=True) as conn:
        for agent in soak.agents:
            station = soak.network.stations[agent.station]
            spool, journal = soak.folder / "state" / agent.station, soak.folder / "journal" / f"{agent.station}.jsonl"
            found = judge(conn, agent, station, spool, journal)
            wrong += found.pop("wrong")
            stations.append(found)
    troubles = {agent.station: sorted(agent.troubles, key=lambda trouble: trouble.to_s) for agent in soak.agents}
    publishes = soak.publishes.judge(troubles)
    if publishes["needless"]:
        wrong.append(f"{publishes['needless']} publishes that nothing explains")
    figures = {"faults": dict(soak.faults), "stations": stations, **publishes}
    return {**figures, "wrong": wrong[:50], "all wrong": len(wrong)}


def run(minutes: float, faults: int | None, seed: int, keep: bool) -> dict[str, object]:
    """Soak for so long or so many faults, let everything settle, and judge."""
    with (
        private_folder(PROJECT, "soak-", keep=keep) as folder,
        closing(Soak(folder, random.Random(seed))) as soak,
    ):
        began = time.monotonic()
        while (soak.faults.total() < faults) if faults else (time.monotonic() - began < minutes * 60):
            soak.step()
            soak.check()
            if soak.faults.total() % 20 == 0:
                print(f"{time.monotonic() - began:6.0f} s  {dict(soak.faults)}", file=sys.stderr, flush=True)
        lasted_s = round(time.monotonic() - began)
        found = verdict(soak, finish(soak))
        return {"seconds": lasted_s, **found}


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev soak --edge", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=30)
    parser.add_argument("--faults", type=int, help="so many faults instead of minutes")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="leave the files of the run where they are")
    arguments = parser.parse_args()
    logs.configure("text", level=logging.CRITICAL)
    found = run(arguments.minutes, arguments.faults, arguments.seed, arguments.keep)
    print(json.dumps({"seed": arguments.seed, **found}, indent=1))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
