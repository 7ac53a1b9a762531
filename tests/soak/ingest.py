"""`./dev soak --ingest [minutes]`: ingest under every fault at once, judged by what the stations produced.

Of two processes of ingest one serves and the other stands by. At random, one is killed (SIGKILL) or stopped, a third
one comes and goes, the broker is killed or stopped, or the database, or all stations send everything again. One message
of a thousand is poison. In the end everything must be stored once, both books must balance, and every poisoned message
must be a dead letter.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg

from quantrac.database.migration import migrate
from quantrac.observe import logs
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.place import private_folder
from quantrac.private_services.postgres import PrivatePostgres
from tests.fixtures.program import PROJECT
from tests.fixtures.stations import add_channel, add_station
from tests.integration.ingest.conftest import RunningIngest
from tests.soak.station import READINGS, Station, channel, is_dead

STATIONS = [f"st-soak-{number}" for number in range(4)]
RATE = 100.0
"""Messages a second of each station."""


class Soak:
    """Everything that runs, and the faults."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._rng = rng
        self.postgres = PrivatePostgres(folder / "pg")
        self.broker = PrivateMosquitto(folder / "mq", stations=STATIONS)
        self.postgres.start()
        self.broker.start()
        self.database = self.postgres.create_database("soak")
        migrate(self.database)
        with psycopg.connect(self.database, autocommit=True) as conn:
            for station in STATIONS:
                add_station(conn, station)
                for number in range(READINGS):
                    add_channel(conn, station, channel(number), parameter="do", unit="mg/L", interval_s=1)
        self._folder = folder
        self.ingests = [self._new_ingest(number) for number in range(2)]
        self.stations = [Station(self.broker.url(name), name, RATE) for name in STATIONS]
        self.faults: Counter[str] = Counter()

    def fault(self) -> None:
        """Let one thing go wrong."""
        kinds: dict[str, Callable[[], None]] = {
            "ingest killed": self._kill_ingest,
            "both ingests killed": self._kill_both,
            "ingest stopped": self._stop_ingest,
            "broker killed": lambda: self._away(self.broker.kill, self.broker.start),
            "broker stopped": lambda: self._away(self.broker.stop, self.broker.start),
            "database killed": lambda: self._away(self.postgres.kill, self.postgres.start),
            "database stopped": lambda: self._away(self.postgres.stop, self.postgres.start),
            "connections cut": self._cut,
            "a third worker came and went": self._third_worker,
            "all sent again": self._send_again,
        }
        name = min(kinds, key=lambda kind: (self.faults[kind], self._rng.random()))
        self.faults[name] += 1
        kinds[name]()

    def _new_ingest(self, number: int) -> RunningIngest:
        made = RunningIngest(self.database, self.broker, self._folder / f"ingest-{number}.log")
        made.start(wait=False)
        return made

    def _kill_ingest(self) -> None:
        one = self._rng.choice(self.ingests)
        one.kill()
        time.sleep(self._rng.choice([0, 0, 5]))  # a long absence makes the other take over
        one.start(wait=False)

    def _kill_both(self) -> None:
        for one in self.ingests:
            one.kill()
        time.sleep(self._rng.uniform(0, 2))
        for one in self.ingests:
            one.start(wait=False)

    def _stop_ingest(self) -> None:
        one = self._rng.choice(self.ingests)
        one.stop()
        one.start(wait=False)

    def _third_worker(self) -> None:
        third = self._new_ingest(2)
        time.sleep(self._rng.uniform(3, 10))
        self._rng.choice([third.kill, third.stop])()

    def _away(self, end: Callable[[], None], begin: Callable[[], None]) -> None:
        end()
        time.sleep(self._rng.uniform(0.2, 3))
        begin()

    def _cut(self) -> None:
        with psycopg.connect(self.database, autocommit=True) as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'quantrac ingest' and datname = current_database()"
            )

    def _send_again(self) -> None:
        for station in self.stations:
            station.send_again(1, max(1, station.produced - 1))

    def close(self) -> None:
        """Stop all of it."""
        for station in self.stations:
            station.stop()
        for one in self.ingests:
            one.stop()
        self.broker.stop()
        self.postgres.stop()


def judge(conn: psycopg.Connection, stations: list[Station]) -> dict[str, object]:
    """Compare the database with what the stations produced; `wrong` lists what does not agree."""
    wrong: list[str] = []
    figures: Counter[str] = Counter()
    names = ("highest_seq", "stored", "dead", "lost", "missing", "received", "new", "duplicate", "rejected", "conflict")
    for station in stations:
        dead = sum(is_dead(seq) for seq in range(1, station.produced + 1))
        row = conn.execute(f"select {', '.join(names)} from v_ledger where station = %s and epoch <> ''",
                           [station.name]).fetchone()  # fmt: skip
        book = dict(zip(names, row or [0] * len(names), strict=True))
        figures.update(book)
        kept = conn.execute("select count(*) from v_reading where station = %s", [station.name]).fetchone()
        told = conn.execute(
            "select sum(rows) from change where station = %s and cause = 'reading'", [station.name]
        ).fetchone()
        expected = {
            "highest_seq": station.produced, "stored": station.produced - dead, "dead": dead, "lost": 0, "missing": 0,
            "new": station.produced - dead, "conflict": 0,
            "received": book["new"] + book["duplicate"] + book["rejected"],
        }  # fmt: skip
        wrong += [
            f"{station.name} {name}: {book[name]}, expected {n}" for name, n in expected.items() if book[name] != n
        ]
        for what, found in (("readings", kept), ("readings in the feed", told)):
            if found != ((station.produced - dead) * READINGS,):
                wrong.append(f"{station.name} {what}: {found}, expected {(station.produced - dead) * READINGS}")
        figures["readings"] += (station.produced - dead) * READINGS
        figures["published"] += station.published
    return {**figures, "wrong": wrong}


def run(minutes: float, seed: int) -> dict[str, object]:
    """Soak for so long, let everything settle, and judge."""
    with private_folder(PROJECT, "soak-") as folder, closing(Soak(folder, random.Random(seed))) as soak:
        for station in soak.stations:
            station.start()
        until = time.monotonic() + minutes * 60
        while time.monotonic() < until:
            time.sleep(random.Random(seed + sum(soak.faults.values())).uniform(2, 8))
            soak.fault()
            print(f"{(until - time.monotonic()) / 60:5.1f} min left  {dict(soak.faults)}", file=sys.stderr, flush=True)
            logs = "\n".join(one.log.read_text()[-3000:] for one in soak.ingests)
            assert not any(one.process.poll() for one in soak.ingests), logs
        for station in soak.stations:
            station.finish()
        settle_until = time.monotonic() + 180
        while not all(station.settled for station in soak.stations) and time.monotonic() < settle_until:
            time.sleep(0.2)
        settled = all(station.settled for station in soak.stations)
        time.sleep(5)  # what was sent twice is still under way
        with psycopg.connect(soak.database, autocommit=True) as conn:
            return {"minutes": minutes, "faults": dict(soak.faults), "settled": settled, **judge(conn, soak.stations)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev soak --ingest", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    logs.configure("text", level=logging.CRITICAL)  # the stations' lines break all the time
    found = run(arguments.minutes, arguments.seed)
    print(json.dumps({"seed": arguments.seed, **found}, indent=1))
    sys.exit(1 if found["wrong"] or not found["settled"] else 0)


if __name__ == "__main__":
    main()
