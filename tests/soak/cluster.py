"""`./dev soak --cluster [minutes]`: the whole centre on a cluster whose nodes die, freeze and part, judged to the end.

Stations send twelve channels twice a second through three nodes of RabbitMQ. Two processes of ingest, of quality and of
alerts serve and stand by; one of each goes to all nodes by itself, the other by HAProxy. Each fault in its turn: every
node of RabbitMQ, etcd and Patroni is killed (SIGKILL), two at once, one is frozen for longer than the others believe in
it, one is cut off from the others while clients still reach it, a primary loses sight of etcd, another goes on without
its Patroni and comes back; HAProxy and the processes are killed, too. For each fault it is measured how long the
message waited that waited most, from the station to the acknowledgement of ingest: when all is well a second or so,
else the time of the takeover. In the end every reading must be stored once, both books must balance, and each time that
oxygen was low must be one alarm on record and no message twice.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.network_files import COURSES, LOW_VALUE, RULE, station_name, write_network
from quantrac.cli.demo.servers import prepare_database
from quantrac.config.loader import load_network
from quantrac.database.pool import connect
from quantrac.observe import logs
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from quantrac.telemetry import wire
from quantrac.telemetry.wire import Message, WireReading
from tests.cluster.cluster import Cluster, Fault
from tests.soak.station import EPOCH, Station

STATIONS: Final = 20
CHANNELS: Final = 12
STEP_MS: Final = 500
LOW_EVERY: Final = 180
"""Of so many messages of a station the first LOW_STEPS say that oxygen is low."""
LOW_STEPS: Final = 20
SERVICES: Final = ("ingest", "quality", "alerts")
SETTLE_S: Final = 300.0
CALM_S: Final = 5.0


class Service:
    """One process of a service, killed and started again at will."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        self._name, self._environment, self.log = name, environment, log
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "quantrac", self._name, "run"],
                env={**os.environ, **self._environment}, stdout=out, stderr=out,
            )  # fmt: skip

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def gave_up(self) -> bool:
        """Whether it ended by itself."""
        return self._process.poll() is not None


class Watch:
    """Looks all the time how long the oldest message that is not settled has been waiting, at whatever station."""

    def __init__(self, stations: list[Station]) -> None:
        self._stations = stations
        self.longest_s = 0.0
        """Since it was last set to 0."""
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    @property
    def waits_s(self) -> float:
        return max(station.waits_s for station in self._stations)

    def _look(self) -> None:
        while True:
            self.longest_s = max(self.longest_s, self.waits_s)
            time.sleep(0.1)


class Soak:
    """Everything that runs."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        names = [station_name(number) for number in range(STATIONS)]
        self.cluster = stack.enter_context(Cluster(folder, names))
        config = write_network(folder / "configs", STATIONS, CHANNELS, STEP_MS / 1000)
        prepare_database(self.cluster.database_url(), load_network(config))
        self.mail, self.sms = stack.enter_context(MailCatcher()), stack.enter_context(SmsCatcher())
        self.services = [
            Service(name, self._environment(config, folder, by_proxy=number == 1), folder / f"{name}-{number}.log")
            for name in SERVICES for number in range(2)
        ]  # fmt: skip
        for service in self.services:
            stack.callback(service.stop)
        self._wait_served()
        self.first_ms = round(time.time() * 1000)
        self.stations = [
            Station(self.cluster.mqtt_url(name, by_proxy=number % 2 == 1), name, 1000 / STEP_MS, self._messages(number))
            for number, name in enumerate(names)
        ]
        for station in self.stations:
            stack.callback(station.stop)
        self.watch = Watch(self.stations)

    def _wait_served(self) -> None:
        """Wait until one process of each service serves."""
        until = time.monotonic() + SETTLE_S
        with connect(self.cluster.database_url(), "soak") as conn:
            while time.monotonic() < until:
                served = conn.execute("select count(distinct service) from v_service where connected").fetchone()
                if served == (len(SERVICES),):
                    return
                time.sleep(0.5)
        raise TimeoutError("\n".join(service.log.read_text()[-1000:] for service in self.services))

    def _environment(self, config: Path, folder: Path, *, by_proxy: bool) -> dict[str, str]:
        return {
            "QUANTRAC_DATABASE_URL": self.cluster.database_url(by_proxy=by_proxy),
            "QUANTRAC_MQTT_URL": self.cluster.mqtt_url("ingest", by_proxy=by_proxy),
            "QUANTRAC_CONFIG": str(config), "QUANTRAC_STATE_DIR": str(folder / "state"), "QUANTRAC_LOG": "json",
            "QUANTRAC_SMTP_URL": self.mail.url, "QUANTRAC_SMS_PROVIDER": "esms", "QUANTRAC_SMS_URL": self.sms.url,
            "QUANTRAC_SMS_KEY": "k", "QUANTRAC_SMS_SECRET": "s",
        }  # fmt: skip

    def _messages(self, number: int) -> Callable[[int], bytes]:
        """Return what a station says in its message `seq`: always the same."""

        def message(seq: int) -> bytes:
            readings: list[WireReading] = [
                (course.name, round(course.base + course.swing * ((seq * 7 + n) % 13 - 6) / 6, course.decimals), "ok")
                for n, course in enumerate(COURSES[:CHANNELS])
            ]
            if is_low(number, seq):
                readings = [(name, float(LOW_VALUE) if name == "do" else value, state)
                            for name, value, state in readings]  # fmt: skip
            return wire.encode(Message(EPOCH, seq, self.first_ms + seq * STEP_MS, readings))

        return message

    def faults(self) -> Iterator[Fault]:
        """Yield every fault once: those of the broker, of the database, of the services."""
        yield from self.cluster.faults()
        for first, second, name in zip(self.services[::2], self.services[1::2], SERVICES, strict=True):
            yield Fault(f"{name} killed", first.kill, first.start)
            yield Fault(f"the other {name} killed", second.kill, second.start)

    def suffer(self, fault: Fault) -> float:
        """Let one thing go wrong, put it right, and return how long the message waited that waited longest, seconds."""
        self.watch.longest_s = 0.0
        began = time.monotonic()
        fault.begin()
        time.sleep(max(0.0, began + fault.lasts_s - time.monotonic()))
        fault.end()
        until = time.monotonic() + SETTLE_S
        while self.watch.waits_s > CALM_S:
            assert time.monotonic() < until, f"{fault.name}: not settled {SETTLE_S:.0f} s after its end"
            time.sleep(0.1)
        return round(self.watch.longest_s, 1)

    def finish(self) -> bool:
        """Produce no more, let everything settle, and tell whether it did."""
        for station in self.stations:
            station.finish()
        until = time.monotonic() + SETTLE_S
        with connect(self.cluster.database_url(), "soak") as conn:
            while time.monotonic() < until:
                behind = conn.execute("select coalesce(sum(lag_rows), 0) from v_feed").fetchone()
                if behind == (0,) and all(station.settled for station in self.stations):
                    time.sleep(CALM_S)  # what was sent twice is still under way, and so are messages to people
                    return True
                time.sleep(0.5)
        return False


def is_low(number: int, seq: int) -> bool:
    """Whether a station says in this message that oxygen is low."""
    return (seq + number * 7) % LOW_EVERY < LOW_STEPS


def lows(number: int, produced: int) -> list[tuple[int, int]]:
    """Return the spells of low oxygen of a station, first and last message; not those at the ends, cut short."""
    starts = [seq for seq in range(2, produced) if is_low(number, seq) and not is_low(number, seq - 1)]
    return [(first, first + LOW_STEPS - 1) for first in starts if first + 2 * LOW_STEPS < produced]


def judge(conn: psycopg.Connection[Any], soak: Soak) -> dict[str, object]:
    """Compare the database with what the stations produced; `wrong` lists what does not agree."""
    wrong: list[str] = []
    figures: Counter[str] = Counter()
    names = ("highest_seq", "stored", "dead", "lost", "missing", "received", "new", "duplicate", "rejected", "conflict")
    for number, station in enumerate(soak.stations):
        row = conn.execute(
            f"select {', '.join(names)} from v_ledger where station = %s and epoch <> ''", [station.name]
        ).fetchone()
        book = dict(zip(names, row or [0] * len(names), strict=True))
        figures.update(book)
        made = station.produced
        expected = {"highest_seq": made, "stored": made, "dead": 0, "lost": 0, "missing": 0, "new": made,
                    "received": made + book["duplicate"], "conflict": 0}  # fmt: skip
        wrong += [f"{station.name} {name}: {book[name]}, expected {n}" for name, n in expected.items()
                  if book[name] != n]  # fmt: skip
        sent = "station = %s and channel = any(%s)"
        channels = [f"{station.name}/{course.name}" for course in COURSES[:CHANNELS]]
        kept = conn.execute(f"select count(*), count(distinct (channel, time)) from v_reading where {sent}",
                            [station.name, channels]).fetchone()  # fmt: skip
        if kept != (made * CHANNELS,) * 2:
            wrong.append(f"{station.name} readings and keys: {kept}, expected {made * CHANNELS}")
        wrong += _alarms(conn, soak, number, figures)
        figures.update(readings=made * CHANNELS, published=station.published)
    twice = [
        text for text, count in Counter((each.phone, each.text) for each in soak.sms.messages).items() if count > 1
    ]
    wrong += [f"short message told twice: {text}" for text in twice]
    figures["short messages"] = len(soak.sms.messages)
    return {**figures, "wrong": wrong}


def _alarms(conn: psycopg.Connection[Any], soak: Soak, number: int, figures: Counter[str]) -> Iterator[str]:
    """Yield which spells of low oxygen are not one alarm each."""
    station = soak.stations[number]
    rows = conn.execute("select raised_at from v_alarm where rule = %s and station = %s", [RULE, station.name])
    raised = [(at.timestamp() * 1000 - soak.first_ms) / STEP_MS for (at,) in rows]
    for first, last in lows(number, station.produced):
        found = sum(first <= seq <= last for seq in raised)
        figures["spells of low oxygen"] += 1
        if found != 1:
            begin = datetime.fromtimestamp((soak.first_ms + first * STEP_MS) / 1000).astimezone()
            yield f"{station.name}: {found} alarms for the spell from message {first} ({begin:%H:%M:%S}), expected 1"


def run(minutes: float) -> dict[str, object]:
    """Soak for so long, every fault at least once, let everything settle, and judge."""
    waited: dict[str, list[float]] = {}
    rounds = 0
    with ExitStack() as stack:
        folder = stack.enter_context(Cluster.folder("soak-cluster-"))
        soak = Soak(folder, stack)
        for station in soak.stations:
            station.start()
        until = time.monotonic() + minutes * 60
        while not rounds or time.monotonic() < until:
            for fault in soak.faults():
                time.sleep(CALM_S)
                name = f"{fault.name} for {fault.lasts_s:.0f} s"
                waited.setdefault(name, []).append(soak.suffer(fault))
                print(f"{name}: a message waited {waited[name][-1]} s at most", file=sys.stderr, flush=True)
                for service in soak.services:
                    assert not service.gave_up, service.log.read_text()[-3000:]
            rounds += 1
        settled = soak.finish()
        with connect(soak.cluster.database_url(), "soak") as conn:
            return {"rounds": rounds, "longest_wait_s": waited, "settled": settled, **judge(conn, soak)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev soak --cluster", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=15)
    arguments = parser.parse_args()
    logs.configure("text", level=logging.CRITICAL)  # the stations' lines break all the time
    found = run(arguments.minutes)
    print(json.dumps(found, indent=1))
    sys.exit(1 if found["wrong"] or not found["settled"] else 0)


if __name__ == "__main__":
    main()
